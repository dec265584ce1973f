import { SETTINGS } from './settings.ts';
import { version } from './version.ts';

interface Row {
  readonly name: string;
  readonly default: string | undefined;
  readonly secret: boolean;
  readonly doc: string;
}

/** The settings by group, in the order of their table. */
function groups(): Map<string, Row[]> {
  const rows = Object.entries(SETTINGS).map(([name, setting]) => ({
    group: setting.group,
    name,
    default: 'default' in setting ? setting.default : undefined,
    secret: 'secret' in setting,
    doc: setting.doc,
  }));
  return Map.groupBy(rows, ({ group }) => group);
}

/** A table for each group, in Markdown. */
export function settingsTables(): string {
  const parts = [...groups()].map(([group, rows]) => {
    const lines = rows.map(
      (row) =>
        `| \`${row.name}\`${row.secret ? ` or \`${row.name}_FILE\`` : ''} | ${row.default ? `\`${row.default}\`` : ''} | ${row.doc} |`,
    );
    return `### ${group}\n\n| variable | when not set | what it is |\n|---|---|---|\n${lines.join('\n')}\n`;
  });
  return parts.join('\n');
}

/** `.env.example`. */
export function envExample(): string {
  const parts = [...groups()].map(([group, rows]) => {
    const lines = rows.map(
      (row) =>
        `# ${row.doc}${row.secret ? ` Or as a file: ${row.name}_FILE.` : ''}\n#${row.name}=${row.default ?? ''}\n`,
    );
    return `# --- ${group} ---\n\n${lines.join('\n')}`;
  });
  return `# Settings of lm-token-broker. What is commented out is not set, or shows what applies then.\n\n${parts.join('\n')}`;
}

/** `lm-token-broker --help`. */
export function helpText(): string {
  const parts = [...groups()].map(([group, rows]) => {
    const lines = rows.map(
      (row) =>
        `  ${row.name}${row.secret ? ` (or ${row.name}_FILE)` : ''}${row.default ? ` [${row.default}]` : ''}\n      ${row.doc}`,
    );
    return `${group}:\n${lines.join('\n')}`;
  });
  return `lm-token-broker ${version}: mints LogicMonitor API tokens for callers that policy allows.\n
Usage: lm-token-broker [serve]      run the broker; settings are environment variables
       lm-token-broker policy …    try and review a policy bundle; policy --help tells how
       lm-token-broker --help      show this
       lm-token-broker --version   show the version

Signals: SIGTERM drains and ends, SIGINT ends without the lead, SIGHUP reloads policy and TLS files and tries again what waits.

${parts.join('\n\n')}`;
}

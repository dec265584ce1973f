import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createDecide } from '../../src/policy/decide.ts';
import { createFindings } from '../../src/policy/findings.ts';
import type { Bundle } from '../../src/policy/load.ts';
import { parsePolicies } from '../../src/policy/policies.ts';
import { bundleWith, exampleWith, load, question } from './bundle.ts';

const MORE = `
@id("overflows") forbid (principal, action, resource == Admin::"41") when { context.ttl * 2000 > 1 };
@id("note") forbid (principal, action, resource) when { context.note like "*x*" } unless { context.reason == "r" };
@id("one") permit (principal == Service::"demo:one", action == Action::"mintToken", resource is Admin in Group::"production");
@id("never-minting") forbid (principal, action in [Action::"revokeToken"], resource);
`;

const loaded = async (dir: string) =>
  load(
    await bundleWith(dir, {
      'policies/more.cedar': MORE,
      'entities.yaml': await exampleWith(
        'entities.yaml',
        'services:\n',
        'services:\n  - {issuer: demo, subject: one}\n',
      ),
    }),
  );

const subjects = [undefined, 'one', 'stranger'];
const questions = subjects.flatMap((subject) =>
  [32, 33, 41, 99].flatMap((admin) =>
    ['', 'x'].flatMap((note) =>
      ['', 'r'].flatMap((reason) =>
        ['127.0.0.1', '203.0.113.9'].map((sourceAddress) =>
          question({ ...(subject && { subject }), admin, note, reason, sourceAddress }),
        ),
      ),
    ),
  ),
);

/** What Cedar says of one policy when it stands alone, a forbid beside a permit of everything. */
function alone(bundle: Bundle, index: number) {
  const policies = bundle.policies.slice(index, index + 1);
  const everything = parsePolicies(
    new Map([['p.cedar', '@id("everything") permit (principal, action, resource);']]),
  );
  const forbids = policies[0]?.effect === 'forbid';
  const { decide, retire } = createDecide(
    { ...bundle, policies: forbids ? [...policies, ...everything.policies] : policies },
    { randomBytes },
  );
  const outcomes = questions.map((asked) => {
    const { allow, errors } = decide(asked);
    return errors.length > 0 ? 'fails' : allow !== forbids ? 'matches' : 'not';
  });
  retire();
  return outcomes;
}

t.test('what is found of each policy among all is what Cedar says of it alone', async (t) => {
  const bundle = await loaded(t.testdir());
  const findings = createFindings(bundle);
  const found = questions.map((asked) => findings(asked));
  const seen = new Set<string>();
  for (const [index, { id }] of bundle.policies.entries()) {
    const outcomes = found.map((all) => all[index]?.outcome ?? '');
    for (const outcome of outcomes) seen.add(outcome);
    const plain = outcomes.map((outcome) =>
      outcome === 'scope' || outcome === 'condition' ? 'not' : outcome,
    );
    t.strictSame(plain, alone(bundle, index), id);
  }
  t.strictSame([...seen].sort(), ['condition', 'fails', 'matches', 'scope']);
});

t.test('the parts of a scope that do not fit are named, each by itself', async (t) => {
  const bundle = await loaded(t.testdir());
  const findings = createFindings(bundle);
  const of = (id: string, asked: Parameters<typeof question>[0]) =>
    findings(question(asked)).find((finding) => finding.id === id);
  t.match(of('one', { subject: 'one', admin: 32 }), { outcome: 'scope', misfits: ['resource'] });
  t.match(of('one', { subject: 'two', admin: 33 }), { outcome: 'scope', misfits: ['principal'] });
  t.match(of('one', { subject: 'two', admin: 32 }), { outcome: 'scope', misfits: ['principal', 'resource'] });
  t.match(of('one', { subject: 'one', admin: 33 }), { outcome: 'matches', misfits: [] });
  t.match(of('never-minting', {}), { outcome: 'scope', misfits: ['action'] });
  t.match(of('note', { note: 'y' }), { outcome: 'condition', misfits: [] });
  t.match(of('overflows', { admin: 41 }), {
    outcome: 'fails',
    effect: 'forbid',
    error: /integer overflow/,
  });
});

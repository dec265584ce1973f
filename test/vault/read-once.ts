import { openSource, settingsAt, soon } from './parts.ts';

/** Reads once from the fake server that the argument names: a process of its own for `environment.test.ts`. */
const { source } = openSource({ teardown: () => {} }, settingsAt(process.argv[2] ?? ''));
await source.reread(soon());
await source.stop();

// The import rule of the project, for dependency-cruiser, over what `npm run build` made: it cannot read TypeScript 7.
// Imports of types alone are gone there, and so are free.

const PARTS = '(identity|policy|audit|vault|logicmonitor|ledger)';
const OUTSIDE_SRC = '^dist/(simulator|demo|test|bench)/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'mint-stands-alone',
      comment: 'mint/ imports nothing but itself, zod and what Node brings.',
      severity: 'error',
      from: { path: '^dist/src/mint/' },
      to: { pathNot: ['^dist/src/mint/', '^node_modules/zod/'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'folders-know-only-mint',
      comment:
        'A folder of src/ imports mint/, and top-level files such as config.ts, but no other folder: compose.ts hands over what it needs.',
      severity: 'error',
      from: { path: '^dist/src/([^/]+)/' },
      to: { path: '^dist/src/[^/]+/', pathNot: ['^dist/src/$1/', '^dist/src/mint/'] },
    },
    {
      name: 'nobody-imports-the-top',
      comment:
        'compose.ts and main.ts stand above the folders of src/; commands call what compose.ts gives them.',
      severity: 'error',
      from: { path: '^dist/src/[^/]+/', pathNot: '^dist/src/cli/' },
      to: { path: '^dist/src/(compose|compose-bundle|compose-policy|compose-commands|main)\\.js$' },
    },
    {
      name: 'only-compose-knows-the-parts',
      comment:
        'Of the top-level files of src/, compose.ts alone imports the parts, with compose-bundle.ts, compose-policy.ts and compose-commands.ts.',
      severity: 'error',
      from: {
        path: '^dist/src/[^/]+\\.js$',
        pathNot: '^dist/src/(compose|compose-bundle|compose-policy|compose-commands)\\.js$',
      },
      to: { path: `^dist/src/${PARTS}/` },
    },
    {
      name: 'src-ships-alone',
      comment: 'src/ imports nothing of simulator, demo, tests and benchmarks.',
      severity: 'error',
      from: { path: '^dist/src/' },
      to: { path: OUTSIDE_SRC },
    },
    {
      name: 'simulator-is-independent',
      comment: 'What the broker is tested against must not share its mistakes.',
      severity: 'error',
      from: { path: '^dist/simulator/' },
      to: { path: '^dist/', pathNot: '^dist/simulator/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'all-resolved',
      comment: 'An import that cannot be found escapes all other rules.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    moduleSystems: ['es6'],
    builtInModules: { add: ['node:sqlite'] },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};

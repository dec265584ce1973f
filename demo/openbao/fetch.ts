import { findServer } from './binary.ts';

// Run before the tests, so that the download happens once and outside of any test's deadline.
const server = await findServer({ onDownload: (what) => console.log(`Fetching ${what}`) });
console.log(`OpenBao or Vault: ${server.path}`);

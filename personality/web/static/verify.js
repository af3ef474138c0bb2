// Verifies packages of a warg registry in a browser (or in Node 18 and newer, with
// globalThis.crypto), with WebCrypto alone, and takes nothing from the registry on faith:
// it replays the logs, checks each signature, and has what it reads proved. It is to be
// read, so it is served as it was written.
//
//   import { verifyPackage, identify } from './verify.js';
//   const report = await verifyPackage({ registry: 'https://registry.example.com', package: 'example:tool' });
//   const which = await identify(report, file);
//
// What it can not know: that the checkpoint is the newest there is, that others are shown
// the same log (for that name witnesses), and that a package does not exist.
export { verifyPackage } from './verify/check.js';
export { browserStore, forget } from './verify/memory.js';
export { checkContent, identify, latest, MAX_CONTENT, stateOf } from './verify/release.js';
export { dateOf } from './verify/records.js';

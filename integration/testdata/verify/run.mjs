// Verifies packages with the module of the page /verify, in Node: reads a request a line as
// JSON, and writes what came of it as a line. A request with a browser's name remembers in
// that browser, which is forgotten when this process ends; its tabs verify other packages at
// the same time.
//
// node run.mjs PATH-OF-verify.js
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18
const { checkContent, identify, stateOf, verifyPackage } = await import(pathToFileURL(process.argv[2]));

const browsers = new Map();

function storeOf(name) {
  if (!name) return null;
  if (!browsers.has(name)) browsers.set(name, new Map());
  const kept = browsers.get(name);
  return { get: (key) => kept.get(key) ?? null, set: (key, text) => kept.set(key, text), delete: (key) => kept.delete(key) };
}

async function answer({ browser, tabs = [], file, content, ...options }) {
  const verify = (name) => verifyPackage({ ...options, package: name, store: storeOf(browser) });
  const [report, ...others] = await Promise.all([options.package, ...tabs].map(verify));
  const found = {
    verdict: report.verdict, steps: report.steps, conflict: report.conflict, tabs: others.map((o) => o.verdict),
    releases: report.releases.map((release) => ({ version: release.version, ...stateOf(release, report.withheld) })),
  };
  if (file !== undefined) found.file = await identify(report, new Blob([Buffer.from(file, 'base64')]));
  if (content) found.content = await checkContent(report, content);
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify(await answer(request)) + '\n');
}

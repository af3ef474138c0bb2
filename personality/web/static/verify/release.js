// Says what became of releases, and which release a file is.
import { Failure } from './failure.js';
import { hashText, sha256 } from './hash.js';
import { dateOf } from './records.js';
import { APIError } from './registry.js';
import { outcome, warning } from './steps.js';
import { compareVersions, parseVersion } from './version.js';

// MAX_CONTENT is the largest file that is hashed, in bytes: WebCrypto wants all of it in
// memory.
export const MAX_CONTENT = 512 << 20;

// stateOf returns "released", "yanked" or "withheld", and what there is to say of it.
export function stateOf(release, withheld) {
  if (release.yank !== null) return { state: 'yanked', text: `${release.version} was yanked on ${dateOf(release.yank.time)} by key ${release.yank.by}` };
  const statement = withheld.get(release.content);
  if (statement) {
    const reference = statement.reference ? ` (${statement.reference})` : '';
    return { state: 'withheld', text: `${release.version} is withheld by the operator: ${statement.reason}${reference}` };
  }
  return { state: 'released', text: `${release.version}, ${release.content}, released on ${dateOf(release.time)} by key ${release.by}` };
}

// latest is the highest version that was not yanked; one with a pre-release label only if
// there is no other.
export function latest(releases) {
  const standing = releases.filter((r) => r.yank === null).map((r) => ({ r, v: parseVersion(r.version) }));
  const final = standing.filter(({ v }) => v.pre.length === 0);
  return (final.length > 0 ? final : standing).sort((a, b) => compareVersions(a.v, b.v)).at(-1)?.r ?? null;
}

// checkRelease says what became of a version, or of all if it is "".
export function checkRelease(log, withheld, version) {
  const releases = [...log.releases.values()];
  if (version === '') {
    const count = (state) => releases.filter((r) => stateOf(r, withheld).state === state).length;
    const newest = latest(releases);
    const text = `${releases.length} in all, ${count('yanked')} yanked, ${count('withheld')} withheld`;
    return newest ? `${text}; the latest is ${newest.version}` : text;
  }
  const release = log.releases.get(version);
  if (release === undefined) throw new Failure('no-such-release', `the package has no release ${version}; it has ${releases.map((r) => r.version).slice(-20).join(', ') || 'none'}`);
  const { state, text } = stateOf(release, withheld);
  return state === 'released' ? text : warning(state, text);
}

/**
 * identify hashes a file and says which release of a verified package it is.
 * @param report of verifyPackage
 * @param {Blob} file
 * @returns {Promise<{status, reason, text, digest, versions: string[]}>}
 */
export async function identify(report, file) {
  const found = { digest: '', versions: [] };
  const said = await outcome(async () => {
    if (file.size > MAX_CONTENT) throw new Failure('too-large', `the file has ${file.size} bytes; this page hashes ${MAX_CONTENT} at most: use warg verify`);
    found.digest = hashText(await sha256(new Uint8Array(await file.arrayBuffer())));
    if (report.verdict !== 'verified') throw new Failure('unverified', `the file is ${found.digest}; which release it is can not be said, for the package was not verified`);
    return match(report, found);
  });
  return { ...found, ...said };
}

function match(report, found) {
  const releases = report.releases.filter((r) => (r.content ?? r.yank.content) === found.digest);
  found.versions = releases.map((r) => r.version);
  if (releases.length === 0) throw new Failure('no-release', `the file is ${found.digest}, which is no release of ${report.package}`);
  const asked = releases.find((r) => r.version === report.version);
  if (report.version !== '' && !asked) throw new Failure('other-release', `the file is release ${found.versions.join(', ')} of ${report.package}, not ${report.version}`);
  // Of a file that was released more than once a release that stands counts.
  const states = (asked ? [asked] : releases).map((r) => stateOf(r, report.withheld));
  const best = states.find((s) => s.state === 'released') ?? states[0];
  const text = `the file is ${found.digest}: ${report.package} ${best.text}`;
  return best.state === 'released' ? text : warning(best.state, text);
}

/**
 * checkContent fetches the content of a release from the registry and hashes it.
 * @returns {Promise<{status, reason, text}>}
 */
export async function checkContent(report, version) {
  return outcome(async () => {
    if (report.verdict !== 'verified') throw new Failure('unverified', 'the package was not verified');
    const release = report.releases.find((r) => r.version === version);
    if (!release) throw new Failure('no-such-release', `the package has no release ${version}`);
    const { state, text } = stateOf(release, report.withheld);
    if (state !== 'released') return warning(state, text);
    return fetchContent(report.registry, release);
  });
}

async function fetchContent(registry, { version, content }) {
  try {
    for (const url of await registry.contentURLs(content)) {
      const got = hashText(await sha256(await registry.content(url, MAX_CONTENT)));
      if (got !== content) throw new Failure('content-altered', `${new URL(url).origin} gives ${got} as the content of ${version}, which is ${content}`);
      return `what the registry gives for ${version} is its content, ${content}`;
    }
  } catch (error) {
    if (!(error instanceof APIError) || error.status === 401 || error.status === 403) throw error;
    throw new Failure('content-missing', error.status === 451 ? `the registry withholds the content of ${version}, and its operator has signed no statement on it: ${error.message}` : `the registry does not give the content of ${version}: ${error.message}`);
  }
  throw new Failure('content-missing', `the registry names no place that has the content of ${version}`);
}

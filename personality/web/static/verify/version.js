// Semantic versions as Rust's semver crate 1.0 parses and orders them. The model is
// warg/protocol/version.go.
import { malformed } from './failure.js';

const pattern = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

// parseVersion refuses what is not a semantic version. Such a version has one spelling.
export function parseVersion(text) {
  const found = pattern.exec(text);
  if (found === null || found[0].length !== text.length) throw malformed('it is not a semantic version');
  const numbers = found.slice(1, 4).map(BigInt);
  if (numbers.some((n) => n >= 1n << 64n)) throw malformed('a version number exceeds u64::MAX');
  const pre = found[4]?.split('.') ?? [];
  if (pre.some((s) => /^0[0-9]+$/.test(s))) throw malformed('invalid leading zero in pre-release identifier');
  return { numbers, pre, build: found[5]?.split('.') ?? [] };
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// compareVersions orders by precedence, and by build metadata where that is all that
// differs.
export function compareVersions(v, w) {
  for (let i = 0; i < 3; i++) {
    const c = order(v.numbers[i], w.numbers[i]);
    if (c !== 0) return c;
  }
  if (v.pre.length === 0 || w.pre.length === 0) {
    const c = order(w.pre.length, v.pre.length); // no label comes after every label
    if (c !== 0) return c;
  }
  return compareLists(v.pre, w.pre) || compareLists(v.build, w.build);
}

function compareLists(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const c = compareIdentifiers(a[i], b[i]);
    if (c !== 0) return c;
  }
  return order(a.length, b.length);
}

// Numbers come by value, then by length, and before everything else.
function compareIdentifiers(a, b) {
  const numeric = [a, b].map((s) => /^[0-9]+$/.test(s));
  if (numeric[0] && numeric[1]) return order(BigInt(a), BigInt(b)) || order(a.length, b.length);
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
  return order(a, b);
}

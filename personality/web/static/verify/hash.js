// SHA-256 and what the protocol makes of it: ids, leaves, names. The models are
// warg/protocol's hash.go, anyhash.go, identifier.go, leaf.go and name.go.
import { concat, fromHex, prefixed, toHex } from './bytes.js';
import { malformed } from './failure.js';

// sha256 returns the digest of the parts, joined as concat does it.
export async function sha256(...parts) {
  const data = parts.length === 1 && parts[0] instanceof Uint8Array ? parts[0] : concat(...parts);
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', data));
}

// hashText returns "sha256:<hex>".
export function hashText(digest) {
  return 'sha256:' + toHex(digest);
}

// checkAnyHash refuses what is not a hash as the protocol has it in records: "sha256:" and
// an even number of lower-case digits, none included. Their number is asked later.
export function checkAnyHash(text) {
  const [, algorithm, digits] = /^([^:]*):([^]*)$/.exec(text) ?? [];
  if (digits === undefined) throw malformed('expected two parts for hash; found 1');
  if (/[A-F]/.test(digits)) throw malformed('hash contained uppercase hex values');
  if (algorithm !== 'sha256') throw malformed(`Illegal hash algorithm '${algorithm}'`);
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw malformed('hexadecimal decode failed');
  return text;
}

// parseHash returns the 32 bytes of a hash's text.
export function parseHash(text) {
  checkAnyHash(text);
  const digest = fromHex(text.slice('sha256:'.length));
  if (digest.length !== 32) throw malformed(`expected 32 bytes for hash algorithm sha256, got ${digest.length}`);
  return digest;
}

// Ids are texts of hashes.
export async function operatorLogId() {
  return hashText(await sha256('WARG-OPERATOR-LOG-ID-V0'));
}
export async function packageLogId(name) {
  return hashText(await sha256('WARG-PACKAGE-LOG-ID-V0:', 'WARG-PACKAGE-ID-V0', prefixed(name)));
}
// Record ids are over the bytes as received, never over a re-encoding.
export async function packageRecordId(content) {
  return hashText(await sha256('WARG-PACKAGE-LOG-RECORD-V0:', content));
}
export async function operatorRecordId(content) {
  return hashText(await sha256('WARG-OPERATOR-LOG-RECORD-V0:', content));
}

// encodeLeaf returns the value of a leaf of the records log.
export function encodeLeaf(logId, recordId) {
  return concat('WARG-LOG-LEAF-V0', prefixed(logId), prefixed(recordId));
}

// leafHash is the hash of a leaf (RFC 6962, section 2.1).
export function leafHash(logId, recordId) {
  return sha256(0, encodeLeaf(logId, recordId));
}

// mapPath is a log's path in the map: the hash of the raw bytes of its id.
export function mapPath(logId) {
  return sha256(parseHash(logId));
}

// mapLeafHash is the hash of the map's leaf for a log with that head.
export function mapLeafHash(recordId) {
  return sha256(0, 'WARG-MAP-LEAF-V0', prefixed(recordId));
}

// hashChildren is the hash of an inner node, in the log and in the map alike.
export function hashChildren(left, right) {
  return sha256(concat(1, left, right));
}

const kebab = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

// isNamespace tells whether a text may be the namespace of a package: words of lower-case
// letters and digits, each beginning with a letter, joined by single hyphens.
export function isNamespace(text) {
  return kebab.test(text);
}

// parseName splits "<namespace>:<name>" (warg-protocol, registry.rs).
export function parseName(text) {
  const colon = text.lastIndexOf(':');
  const [namespace, name] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  if (colon < 0 || !isNamespace(namespace) || !isNamespace(name)) {
    throw malformed('it is not the name of a package: <namespace>:<name>, both of lower-case words joined by hyphens');
  }
  return { text, namespace, name };
}

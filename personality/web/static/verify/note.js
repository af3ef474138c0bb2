// Signed notes of the records log, and cosignatures of witnesses on them, with Ed25519.
// Sources: C2SP signed-note, tlog-checkpoint and tlog-cosignature. The models are
// warg/tlog's note.go and warg/witness's cosignature.go and key.go.
import { bigEndian, concat, equalBytes, fromBase64, fromUTF8, toBase64, toHex, utf8 } from './bytes.js';
import { Failure, malformed } from './failure.js';
import { sha256 } from './hash.js';

const maxSignatures = 100;
const maxName = 255;
const ed25519 = 0x01;
const cosignature = 0x04;
const maxTime = 253402300799n; // the last second of the year 9999

/**
 * parseNote splits a signed note, and verifies nothing.
 * @param {Uint8Array} bytes
 * @returns {{text: string, origin: string, size: bigint, root: Uint8Array, signatures: {name: string, id: string, raw: Uint8Array}[]}}
 */
export function parseNote(bytes) {
  const whole = fromUTF8(bytes);
  const split = whole.lastIndexOf('\n\n');
  if (split < 0 || !whole.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(whole)) {
    throw malformed('it is not a signed note: a text, an empty line, and signature lines');
  }
  const text = whole.slice(0, split + 1);
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > maxSignatures) throw malformed(`the note has ${lines.length} signatures; ${maxSignatures} are allowed`);
  return { text, ...parseBody(text), signatures: lines.map(parseSignatureLine) };
}

// parseBody reads origin, size and root, a line each. Extension lines are ignored, as
// tlog-checkpoint demands of clients.
function parseBody(text) {
  const [origin, size, root] = text.split('\n');
  if (!origin || utf8(origin).length > maxName) throw malformed('the note has no origin, or a very long one');
  if (!/^(0|[1-9][0-9]{0,19})$/.test(size ?? '') || BigInt(size) >= 1n << 64n) throw malformed('the second line of the note is not a size');
  const hash = fromBase64(root ?? '');
  if (hash.length !== 32) throw malformed(`the root hash of the note has ${hash.length} bytes, want 32`);
  return { origin, size: BigInt(size), root: hash };
}

function parseSignatureLine(line) {
  const found = /^\u2014 ([^ +]+) ([^ ]+)$/.exec(line);
  if (found === null) throw malformed('the note has a line below its text that is no signature');
  const raw = fromBase64(found[2]);
  if (raw.length < 5) throw malformed('the note has a signature that is too short');
  return { name: found[1], id: toHex(raw.subarray(0, 4)), raw: raw.subarray(4) };
}

/**
 * parseVKey reads a public key in text, "<name>+<id>+<base64 of type and key>".
 * @returns {{text: string, name: string, id: string, type: number, key: Uint8Array}}
 */
export async function parseVKey(text) {
  const found = /^([^ +\n]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (found === null || utf8(found[1]).length > maxName) throw malformed('it is not a public key of the form name+id+base64');
  const [, name, id, encoded] = found;
  const typed = fromBase64(encoded);
  const want = toHex((await sha256(concat(name, '\n', typed))).subarray(0, 4));
  if (id !== want) throw malformed(`the id of the key ${name} is ${want} by its name and bytes, not ${id}: the key was altered or cut`);
  const [type, key] = [typed[0], typed.subarray(1)];
  if ((type === ed25519 || type === cosignature) && key.length !== 32) throw malformed(`the key ${name} has ${key.length} bytes, want 32`);
  return { text: `${name}+${id}+${toBase64(typed)}`, name, id, type, key };
}

// Other types of keys, such as ML-DSA-44, are left to clients that know them.
export const isLogKey = (vkey) => vkey.type === ed25519;
export const isWitnessKey = (vkey) => vkey.type === cosignature;

// knowsEd25519 tells whether this browser's WebCrypto can verify Ed25519.
export async function knowsEd25519() {
  try {
    // A point of the curve: the base point (RFC 8032, section 5.1).
    await importKey(concat(0x58, new Uint8Array(31).fill(0x66)));
    return true;
  } catch {
    return false;
  }
}

function importKey(key) {
  return globalThis.crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
}

async function verifies(key, signature, message) {
  if (signature.length !== 64) return false;
  try {
    return await globalThis.crypto.subtle.verify({ name: 'Ed25519' }, await importKey(key), signature, message);
  } catch {
    return false; // the key is no point of the curve
  }
}

const by = (vkey) => (signature) => signature.name === vkey.name && signature.id === vkey.id;

// checkLogSignature demands that a log has signed its note.
export async function checkLogSignature(note, vkey) {
  if (note.origin !== vkey.name) throw new Failure('note-origin', `the note is that of the log "${note.origin}", not of "${vkey.name}"`);
  const found = note.signatures.filter(by(vkey));
  if (found.length === 0) throw new Failure('note-signature', `the note is not signed by the key ${vkey.name}+${vkey.id}`);
  for (const { raw } of found) {
    if (!(await verifies(vkey.key, raw, utf8(note.text)))) throw new Failure('note-signature', `the note has a wrong signature of the key ${vkey.name}+${vkey.id}`);
  }
}

// cosignedAt returns when a witness has cosigned a note, in seconds since 1970; null if it
// has not. A wrong cosignature is no error of the note, for anybody may have put it there.
export async function cosignedAt(note, vkey) {
  let latest = null;
  for (const { raw } of note.signatures.filter(by(vkey))) {
    const seconds = bigEndian(raw.subarray(0, 8));
    const message = utf8(`cosignature/v1\ntime ${seconds}\n${note.text}`);
    // One of the time zero does not say that this was the largest tree it had seen.
    if (seconds === 0n || seconds > maxTime || !(await verifies(vkey.key, raw.subarray(8), message))) continue;
    if (latest === null || seconds > latest) latest = seconds;
  }
  return latest;
}

// sameRoot tells whether a note's root is that of a checkpoint.
export const sameRoot = (note, root) => equalBytes(note.root, root);

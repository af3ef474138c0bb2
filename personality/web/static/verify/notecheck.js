// Verifies the note of the records log: whose it is, that it fits the checkpoint, and who
// has cosigned it.
import { Failure } from './failure.js';
import { checkLogSignature, cosignedAt, isLogKey, isWitnessKey, knowsEd25519, parseNote, parseVKey, sameRoot } from './note.js';
import { none, warning } from './steps.js';

/**
 * checkNote returns the log's key, to be remembered, and what to say.
 * @param {{length: bigint, root: Uint8Array}} at the checkpoint
 * @param {string} knownKey the log's key that this browser saw before, or ""
 * @param {string[]} witnesses public keys that must have cosigned
 * @param prove demands that a log is a prefix of another: (from, fromRoot, to, toRoot)
 */
export async function checkNote(registry, at, knownKey, witnesses, prove) {
  const bytes = await registry.note();
  if (bytes === null) return { vkey: knownKey, outcome: withoutNote(knownKey, witnesses) };
  const note = parseNote(bytes);
  if (!(await knowsEd25519())) {
    return { vkey: knownKey, outcome: warning('no-ed25519', 'this browser’s WebCrypto does not know Ed25519, so the note was not verified; the checkpoint above is signed all the same') };
  }
  const vkey = await logKey(registry, knownKey);
  await checkLogSignature(note, vkey);
  await checkFits(note, at, prove);
  const cosigned = await checkWitnesses(note, witnesses);
  const others = note.signatures.length - 1 - cosigned.length;
  const said = cosigned.map(({ name, seconds }) => `cosigned by ${name} at ${new Date(Number(seconds) * 1000).toISOString()}`);
  if (others > 0) said.push(`${others} more signatures by keys that this browser does not know`);
  return { vkey: vkey.text, outcome: [`log ${note.origin} of ${note.size} records`, ...said].join('; ') };
}

function withoutNote(knownKey, witnesses) {
  if (witnesses.length > 0) throw new Failure('witness-missing', 'the registry serves no note, so no witness has cosigned it');
  if (knownKey !== '') return warning('note-gone', 'the registry served notes of its log before, and serves none any more');
  return none('no-note', 'this registry serves no notes');
}

// logKey is the key that this browser saw first: nobody vouches for it.
async function logKey(registry, knownKey) {
  if (knownKey !== '') return parseVKey(knownKey);
  const lines = ((await registry.vkeys()) ?? '').split('\n').filter((line) => line.trim() !== '');
  for (const line of lines.slice(0, 10)) {
    const vkey = await parseVKey(line);
    if (isLogKey(vkey)) return vkey;
  }
  throw new Failure('note-signature', 'the registry serves a note, and names no Ed25519 key for it');
}

// checkFits demands that note and checkpoint speak of one log. A note is signed about once
// a second, so it may be a little older, or newer.
async function checkFits(note, { length, root }, prove) {
  try {
    if (note.size === length && !sameRoot(note, root)) throw new Failure('root-mismatch', 'their roots differ at the same length');
    if (note.size > 0n && note.size < length) await prove(note.size, note.root, length, root);
    if (note.size > length) await prove(length, root, note.size, note.root);
  } catch (error) {
    if (!(error instanceof Failure) || ['no-answer', 'stopped', 'token'].includes(error.reason)) throw error;
    throw new Failure('note-forked', `the note and the checkpoint are of different logs: ${error.message}`);
  }
}

async function checkWitnesses(note, witnesses) {
  const cosigned = [];
  for (const text of witnesses) {
    const vkey = await parseVKey(text);
    if (!isWitnessKey(vkey)) throw new Failure('witness-key', `${vkey.name} is not an Ed25519 key of a witness (type 4): this page can verify no other`);
    const seconds = await cosignedAt(note, vkey);
    if (seconds === null) throw new Failure('witness-missing', `the witness ${vkey.name} has not cosigned the note`);
    cosigned.push({ name: vkey.name, seconds });
  }
  return cosigned;
}

// Bytes and their texts: hex, base64, UTF-8, LEB128. All of it is strict, for a text that
// can be read in two ways can be signed in one and shown in the other.
import { malformed } from './failure.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// utf8 returns the UTF-8 form of a text.
export function utf8(text) {
  return encoder.encode(text);
}

// fromUTF8 returns the text in bytes, and refuses what is not UTF-8.
export function fromUTF8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('a text is not UTF-8');
  }
}

// concat joins byte arrays, numbers (one byte each) and texts (as UTF-8).
export function concat(...parts) {
  const arrays = parts.map((p) => (typeof p === 'string' ? utf8(p) : typeof p === 'number' ? Uint8Array.of(p) : p));
  const all = new Uint8Array(arrays.reduce((n, a) => n + a.length, 0));
  let at = 0;
  for (const a of arrays) {
    all.set(a, at);
    at += a.length;
  }
  return all;
}

// equalBytes tells whether two byte arrays are the same. It is not for secrets.
export function equalBytes(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const hexDigits = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

// toHex returns lower-case hex.
export function toHex(bytes) {
  let text = '';
  for (const byte of bytes) text += hexDigits[byte];
  return text;
}

// fromHex reads lower-case hex.
export function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw malformed('it is not lower-case hex of whole bytes');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const sextets = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) sextets[alphabet.charCodeAt(i)] = i;

// fromBase64 reads base64 of the standard alphabet: no line ends, no stray bits, padding
// as it must be, or, with anyPadding, some of it or none (so the reference reads the
// contents of records in JSON). atob would skip spaces and take stray bits.
export function fromBase64(text, { anyPadding = false } = {}) {
  const digits = text.replace(/={1,3}$/, '');
  const padding = text.length - digits.length;
  const due = (4 - (digits.length % 4)) % 4;
  if (padding > due || (!anyPadding && padding !== due) || due === 3) throw malformed('it is not base64: the padding is wrong');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i);
    const sextet = code < 128 ? sextets[code] : -1;
    if (sextet < 0) throw malformed(`it is not base64: character ${i}`);
    held = ((held << 6) | sextet) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
    }
  }
  if (held & ((1 << bits) - 1)) throw malformed('it is not base64: bits are left over');
  return bytes;
}

// toBase64 writes base64 with padding.
export function toBase64(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += alphabet[n >> 18] + alphabet[(n >> 12) & 63];
    text += i + 1 < bytes.length ? alphabet[(n >> 6) & 63] : '=';
    text += i + 2 < bytes.length ? alphabet[n & 63] : '=';
  }
  return text;
}

// leb128 writes a number from 0 to 2^64-1 as unsigned LEB128.
export function leb128(value) {
  let rest = BigInt(value);
  const bytes = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

// prefixed writes a text as the protocol's encodings hold it: the length of its UTF-8 form
// as LEB128, then those bytes (warg-crypto, prefix.rs).
export function prefixed(text) {
  const bytes = utf8(text);
  return concat(leb128(bytes.length), bytes);
}

// bigEndian reads bytes as an unsigned number.
export function bigEndian(bytes) {
  return bytes.length === 0 ? 0n : BigInt('0x' + toHex(bytes));
}

// toBigEndian writes a number into so many bytes.
export function toBigEndian(value, size) {
  return fromHex(value.toString(16).padStart(2 * size, '0'));
}

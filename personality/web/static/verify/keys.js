// ECDSA keys and signatures on P-256 as the protocol writes them. WebCrypto takes
// uncompressed points and raw r||s alone, so points are decompressed and DER is read here.
// The models are warg/protocol's keytext.go, publickey.go and signature.go.
import { bigEndian, concat, equalBytes, fromBase64, toBase64, toBigEndian, utf8 } from './bytes.js';
import { malformed } from './failure.js';
import { hashText, sha256 } from './hash.js';

// The curve P-256 (FIPS 186-4, D.1.2.3): y^2 = x^3 - 3x + b modulo p, of order n.
const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const mod = (a) => ((a % p) + p) % p;

function power(base, exponent) {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % p) {
    if (rest & 1n) result = (result * square) % p;
  }
  return result;
}

// ordinate returns a y of the point with that x. p is 3 modulo 4.
function ordinate(x) {
  const square = mod(x * x * x - 3n * x + b);
  const y = power(square, (p + 1n) / 4n);
  if (x >= p || (y * y) % p !== square) throw malformed('public key could not be constructed: no point of the curve has this x');
  return y;
}

// parseKeyText returns the bytes in "ecdsa-p256:<base64>".
function parseKeyText(text) {
  const parts = text.split(':');
  if (parts.length !== 2) throw malformed(`expected 2 parts, found ${parts.length}`);
  if (parts[0] !== 'ecdsa-p256') throw malformed('unable to parse signature algorithm: want ecdsa-p256');
  return fromBase64(parts[1]);
}

// parsePoint reads a point in SEC 1 compressed or uncompressed form, or in compact form
// (tag 5: only x; y is the smaller of both candidates, draft-jivsov-ecc-compact).
function parsePoint(data) {
  const x = bigEndian(data.subarray(1, 33));
  if (data.length === 65 && data[0] === 4) {
    const y = bigEndian(data.subarray(33));
    if (y >= p || ![y, mod(-y)].includes(ordinate(x))) throw malformed('public key could not be constructed: it is no point of the curve');
    return { x, y };
  }
  if (data.length !== 33 || ![2, 3, 5].includes(data[0])) throw malformed(`public key could not be constructed: ${data.length} bytes are no encoding of a point`);
  const y = ordinate(x);
  const other = mod(-y);
  if (data[0] === 5) return { x, y: y < other ? y : other };
  return { x, y: Number(y & 1n) === (data[0] & 1) ? y : other };
}

// PublicKey is a point of the curve. Make one with PublicKey.parse.
export class PublicKey {
  #imported = null;

  constructor(text, id, raw) {
    this.text = text; // of the compressed point
    this.id = id; // hash of that text
    this.raw = raw; // uncompressed point
  }

  // parse reads "ecdsa-p256:<base64>".
  static async parse(text) {
    const { x, y } = parsePoint(parseKeyText(text));
    const compressed = concat(Number(y & 1n) | 2, toBigEndian(x, 32));
    const printed = 'ecdsa-p256:' + toBase64(compressed);
    return new PublicKey(printed, hashText(await sha256(utf8(printed))), concat(4, toBigEndian(x, 32), toBigEndian(y, 32)));
  }

  /**
   * verify tells whether a signature is one of content by this key. The twin of a
   * signature with s replaced by n-s holds too.
   * @param {string} prefix of the kind of message, or "" for bytes that are signed as they are
   * @param {Signature} signature
   */
  async verify(prefix, content, signature) {
    const { subtle } = globalThis.crypto;
    this.#imported ??= subtle.importKey('raw', this.raw, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    const message = prefix === '' ? content : concat(prefix, ':', content);
    return subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, await this.#imported, signature.raw, message);
  }
}

// What is signed in the protocol.
export const PACKAGE_RECORD = 'WARG-PACKAGE-RECORD-SIGNATURE-V0';
export const OPERATOR_RECORD = 'WARG-OPERATOR-RECORD-SIGNATURE-V0';
export const CHECKPOINT = 'WARG-CHECKPOINT-SIGNATURE-V0';

// Signature is r and s, both at least 1 and below the order. Make one with parseSignature.
export class Signature {
  constructor(r, s) {
    this.raw = concat(toBigEndian(r, 32), toBigEndian(s, 32));
    this.der = encodeDER(r, s);
    this.text = 'ecdsa-p256:' + toBase64(this.der);
  }
}

// parseSignature reads "ecdsa-p256:<base64>" of a DER-encoded signature.
export function parseSignature(text) {
  const der = parseKeyText(text);
  const r = cutInteger(der, 2);
  const s = cutInteger(der, r.end);
  const signature = new Signature(r.value, s.value);
  // The integers were read loosely; DER has one encoding for them.
  if (!equalBytes(signature.der, der)) throw malformed('signature could not be constructed from bytes: not DER');
  return signature;
}

function cutInteger(der, start) {
  const end = start + 2 + (der[start + 1] ?? 0);
  const value = bigEndian(der.subarray(start + 2, end));
  if (start + 2 > der.length || end > der.length || value < 1n || value >= n) {
    throw malformed('signature could not be constructed from bytes: cut off, or not between 1 and the group order');
  }
  return { value, end };
}

function encodeInteger(value) {
  const hex = value.toString(16);
  const digits = toBigEndian(value, Math.ceil(hex.length / 2));
  const content = digits[0] >= 0x80 ? concat(0, digits) : digits; // DER integers are signed
  return concat(2, content.length, content);
}

function encodeDER(r, s) {
  const body = concat(encodeInteger(r), encodeInteger(s));
  return concat(0x30, body.length, body);
}

// The operator's signed statements that the bytes of a content are withheld, or released
// again: a chain. They are not the protocol's but this registry's; the model is
// warg/withheld.
import { concat, prefixed } from './bytes.js';
import { Failure, malformed } from './failure.js';
import { hashText, parseHash, sha256 } from './hash.js';
import * as json from './json.js';
import { parseSignature } from './keys.js';

const SIGNATURE = 'WARG-TRILLIAN-WITHHELD-SIGNATURE-V1';

// MAX_PAGE is how many statements a page has at most.
const MAX_PAGE = 256;
const maxText = 2000; // bytes of a reason or reference
const noHash = 'sha256:' + '0'.repeat(64);

const hash = (value) => hashText(parseHash(json.asText(value)));
const text = (value) => {
  const found = json.asText(value);
  if (new TextEncoder().encode(found).length > maxText) throw malformed(`it has more than ${maxText} bytes`);
  return found;
};

function readStatement(value) {
  const statement = json.fields(value, {
    origin: json.required(hash),
    sequence: json.required(json.asUint64),
    previous: json.required(hash),
    time: json.required(readTime),
    action: json.required(json.asText),
    digest: json.required(hash),
    reason: json.required(text),
    reference: json.optional(text, ''),
    keyId: json.required(json.asText),
    signature: json.required((inner) => parseSignature(json.asText(inner))),
  });
  if (statement.action !== 'withhold' && statement.action !== 'release') throw malformed('its action is neither withhold nor release');
  return statement;
}

// readTime reads a time of whole seconds in UTC; it returns seconds since 1970.
function readTime(value) {
  const found = json.asText(value);
  const milliseconds = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(found) ? Date.parse(found) : NaN;
  if (!Number.isFinite(milliseconds) || milliseconds < 0) throw malformed('its time is not one of whole seconds in UTC');
  return milliseconds / 1000;
}

// readPage reads a page of statements: {origin, total, statements}.
export function readPage(value) {
  const page = json.fields(value, {
    origin: json.required(hash),
    total: json.required(json.asUint64),
    statements: json.required((inner) => (inner === null ? [] : json.listOf(readStatement)(inner))),
  });
  if (page.statements.length > MAX_PAGE) throw malformed(`a page has ${page.statements.length} statements, more than ${MAX_PAGE}`);
  return page;
}

// encodeStatement returns what is signed and hashed.
function encodeStatement(s) {
  const members = [s.origin, String(s.sequence), s.previous, String(s.time), s.action, s.digest, s.reason, s.reference];
  return concat(...members.map(prefixed));
}

// Chain is what the statements of a registry, from the first on, come to.
export class Chain {
  head = noHash;
  next = 0n;
  time = 0;
  inForce = new Map(); // by digest: the statement by which it is withheld
  hashes = []; // of all statements

  /**
   * @param {string} origin id of the first record of the operator log
   * @param {OperatorLog} operator
   */
  constructor(origin, operator) {
    this.origin = origin;
    this.operator = operator;
  }

  async append(s) {
    const fail = (why) => new Failure('withheld-chain', `statement ${s.sequence} of what is withheld: ${why}`);
    if (s.origin !== this.origin) throw fail(`it is of another registry, ${s.origin}`);
    if (s.sequence !== this.next || s.previous !== this.head) throw fail(`it does not follow the one before it; number ${this.next} behind ${this.head} would`);
    if (s.time < this.time) throw fail('it has an earlier time than the one before it');
    // Of a key that was revoked the earlier statements go on to count.
    const key = this.operator.committers.get(s.keyId);
    if (key === undefined) throw new Failure('withheld-key', `statement ${s.sequence} of what is withheld is signed by key ${s.keyId}, to which the operator’s log has never given commit`);
    const encoded = encodeStatement(s);
    if (!(await key.verify(SIGNATURE, encoded, s.signature))) throw fail(`its signature is not one by key ${s.keyId}`);
    if (s.action === 'release' && !this.inForce.has(s.digest)) throw fail(`content ${s.digest} is not withheld`);
    if (s.action === 'withhold') this.inForce.set(s.digest, s);
    else this.inForce.delete(s.digest);
    this.head = hashText(await sha256(encoded));
    this.hashes.push(this.head);
    this.next++;
    this.time = s.time;
  }
}

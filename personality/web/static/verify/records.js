// Records and their envelopes. The models are warg/protocol's recordwire.go,
// packagerecord.go, operatorrecord.go, time.go and envelope.go.
import { fromBase64 } from './bytes.js';
import { malformed } from './failure.js';
import { checkAnyHash, operatorRecordId, packageRecordId } from './hash.js';
import * as json from './json.js';
import { parseSignature, PublicKey } from './keys.js';
import * as protobuf from './protobuf.js';
import { parseVersion } from './version.js';

// The permissions in the order of their protobuf numbers, beginning at 1. The init of a log
// grants them in this order.
export const PACKAGE_PERMISSIONS = ['release', 'yank'];
export const OPERATOR_PERMISSIONS = ['commit', 'defineNamespace', 'importNamespace'];

// What a kind of log has for entries: by the number in the oneof, what field 2 of the
// entry's message is (field 1 is always a string), and what is made of them. An operator
// init has its fields the other way round than a package init.
const packageEntries = {
  1: { second: 'text', read: async (w) => (checkAlgorithm(w.text2), { type: 'init', key: await PublicKey.parse(w.text1) }) },
  2: { second: 'numbers', read: (w) => grant(w, PACKAGE_PERMISSIONS) },
  3: { second: 'numbers', read: (w) => revoke(w, PACKAGE_PERMISSIONS) },
  4: { second: 'text', read: (w) => (parseVersion(w.text1), { type: 'release', version: w.text1, content: checkAnyHash(w.text2) }) },
  5: { read: (w) => (parseVersion(w.text1), { type: 'yank', version: w.text1 }) },
};
const operatorEntries = {
  1: { second: 'text', read: async (w) => (checkAlgorithm(w.text1), { type: 'init', key: await PublicKey.parse(w.text2) }) },
  2: { second: 'numbers', read: (w) => grant(w, OPERATOR_PERMISSIONS) },
  3: { second: 'numbers', read: (w) => revoke(w, OPERATOR_PERMISSIONS) },
  4: { read: (w) => ({ type: 'define', namespace: w.text1 }) },
  5: { second: 'text', read: (w) => ({ type: 'import', namespace: w.text1, registry: w.text2 }) },
};

function checkAlgorithm(name) {
  if (name !== 'sha256') throw malformed(`Illegal hash algorithm '${name}'`);
}

async function grant(wire, all) {
  return { type: 'grant', key: await PublicKey.parse(wire.text1), permissions: permissionsOf(wire.numbers, all) };
}

function revoke(wire, all) {
  return { type: 'revoke', keyId: wire.text1, permissions: permissionsOf(wire.numbers, all) };
}

function permissionsOf(numbers, all) {
  return numbers.map((number) => {
    const n = Number(BigInt.asIntN(32, number));
    if (n < 1 || n > all.length) throw malformed(`the value ${n} could not be parsed as a permission`);
    return all[n - 1];
  });
}

/**
 * parsePackageRecord decodes the record in an envelope, and gives it its id. It does not
 * check the signature.
 * @param {{content: Uint8Array, keyId: string, signature: Signature}} envelope
 * @returns {{id, prev, version, time: {seconds: bigint, nanos: number}, entries, envelope}}
 */
export async function parsePackageRecord(envelope) {
  return { id: await packageRecordId(envelope.content), envelope, ...(await decode(envelope.content, packageEntries)) };
}

// parseOperatorRecord is parsePackageRecord for records of the operator log.
export async function parseOperatorRecord(envelope) {
  return { id: await operatorRecordId(envelope.content), envelope, ...(await decode(envelope.content, operatorEntries)) };
}

async function decode(content, shapes) {
  const wire = decodeWire(content, shapes); // all of it, before anything is looked at
  const prev = wire.prev === null ? null : checkAnyHash(wire.prev);
  if (wire.time === null) throw malformed('empty or invalid timestamp in record');
  const record = { prev, version: wire.version, time: normalTime(wire.time), entries: [] };
  for (const entry of wire.entries) {
    if (entry.number === 0) throw malformed('no content in entry');
    record.entries.push(await shapes[entry.number].read(entry));
  }
  return record;
}

// Fields that stand twice follow proto3: scalars are replaced, messages merged.
function decodeWire(content, shapes) {
  const record = { prev: null, version: 0, time: null, entries: [] };
  protobuf.eachField(content, (field) => {
    switch (field.number) {
      case 1:
        record.prev = protobuf.textOf(field);
        break;
      case 2:
        record.version = protobuf.uint32Of(field);
        break;
      case 3:
        record.time ??= { seconds: 0n, nanos: 0 };
        protobuf.nested(field, protobuf.topDepth, (inner) => {
          if (inner.number === 1) record.time.seconds = protobuf.int64Of(inner);
          if (inner.number === 2) record.time.nanos = protobuf.int32Of(inner);
        });
        break;
      case 4:
        record.entries.push(decodeEntry(field, shapes));
    }
  });
  return record;
}

function decodeEntry(field, shapes) {
  let entry = { number: 0 };
  protobuf.nested(field, protobuf.topDepth, (member) => {
    if (!shapes[member.number]) return;
    if (entry.number !== member.number) entry = { number: member.number, text1: '', text2: '', numbers: [] }; // replaces another of the oneof
    const { second } = shapes[member.number];
    protobuf.nested(member, protobuf.topDepth - 1, (inner) => {
      if (inner.number === 1) entry.text1 = protobuf.textOf(inner);
      if (inner.number === 2 && second === 'text') entry.text2 = protobuf.textOf(inner);
      if (inner.number === 2 && second === 'numbers') entry.numbers = entry.numbers.concat(protobuf.numbersOf(inner));
    });
  });
  return entry;
}

const minSeconds = -(1n << 63n);
const maxSeconds = (1n << 63n) - 1n;

// normalTime carries nanos, which may be any int32, into the seconds, which stay at their
// limits, as prost-types 0.12 does it.
function normalTime({ seconds, nanos }) {
  const carry = Math.floor(nanos / 1e9);
  let time = { seconds: seconds + BigInt(carry), nanos: nanos - carry * 1e9 };
  if (time.seconds > maxSeconds) time = { seconds: maxSeconds, nanos: 999_999_999 };
  if (time.seconds < minSeconds) time = { seconds: minSeconds, nanos: 0 };
  if (time.seconds === minSeconds) throw malformed('time is not representable because it is out of range');
  return time;
}

// compareTimes orders times.
export function compareTimes(a, b) {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  return Math.sign(a.nanos - b.nanos);
}

// dateOf returns a time as a text for people, as its author claims it.
export function dateOf({ seconds }) {
  if (seconds < -62135596800n || seconds > 253402300799n) return `second ${seconds}`;
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

const envelopeMembers = {
  contentBytes: json.required((value) => fromBase64(json.asText(value), { anyPadding: true })),
  keyId: json.required(json.asText),
  signature: json.required((value) => parseSignature(json.asText(value))),
};

// readEnvelope reads an envelope as the HTTP API has it.
export function readEnvelope(value) {
  return asEnvelope(json.fields(value, envelopeMembers, true));
}

function asEnvelope({ contentBytes, keyId, signature }) {
  return { content: contentBytes, keyId, signature };
}

// readPublished reads a record in an answer of fetch/logs: {envelope, index, fetchToken}.
export function readPublished(value) {
  const { registryIndex, fetchToken } = json.fields(value, {
    registryIndex: json.required(json.asUint64),
    fetchToken: json.required(json.asText),
  });
  return { envelope: asEnvelope(json.fields(value, envelopeMembers)), index: registryIndex, fetchToken };
}

// decodeEnvelope reads the protobuf message Envelope.
export function decodeEnvelope(message) {
  const envelope = { content: new Uint8Array(0), keyId: '' };
  let signature = '';
  protobuf.eachField(message, (field) => {
    if (field.number === 1) envelope.content = protobuf.bytesOf(field);
    if (field.number === 2) envelope.keyId = protobuf.textOf(field);
    if (field.number === 3) signature = protobuf.textOf(field);
  });
  return { ...envelope, signature: parseSignature(signature) };
}

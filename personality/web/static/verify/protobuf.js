// Protobuf messages as prost 0.12 reads them, the library of the Rust reference: every
// message that all clients read has to be read here, and no other. The model is
// warg/internal/protoread.
import { fromUTF8 } from './bytes.js';
import { malformed } from './failure.js';

const recursionLimit = 100;

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const START_GROUP = 3;
const END_GROUP = 4;
export const FIXED32 = 5;

/**
 * eachField calls visit for the fields of a message in order, known or not: with
 * {number, type, value}, where value is a BigInt of VARINT and bytes of BYTES.
 * @param {number} depth levels of nesting that are left
 */
export function eachField(message, visit, depth = recursionLimit) {
  const reader = new Reader(message, depth);
  while (reader.at < message.length) visit(reader.field());
}

// nested is eachField for the message in a field.
export function nested(field, depth, visit) {
  eachField(bytesOf(field), visit, depth - 1);
}

export const topDepth = recursionLimit;

class Reader {
  constructor(message, depth) {
    this.message = message;
    this.depth = depth;
    this.at = 0;
  }

  field() {
    const { number, type } = this.key();
    return this.value(number, type, this.depth);
  }

  key() {
    const key = this.varint();
    if (key > 0xffffffffn) throw malformed(`invalid key value: ${key}`);
    const number = Number(key >> 3n);
    if (number === 0) throw malformed('invalid tag value: 0');
    return { number, type: Number(key & 7n) };
  }

  value(number, type, depth) {
    if (depth <= 0) throw malformed('recursion limit reached');
    switch (type) {
      case VARINT:
        return { number, type, value: this.varint() };
      case BYTES:
        return { number, type, value: this.take(this.varint()) };
      case FIXED32:
        return { number, type, value: this.take(4n) };
      case FIXED64:
        return { number, type, value: this.take(8n) };
      case START_GROUP:
        this.skipGroup(number, depth);
        return { number, type };
      case END_GROUP:
        throw malformed('unexpected end group tag');
    }
    throw malformed(`invalid wire type value: ${type}`);
  }

  skipGroup(group, depth) {
    for (;;) {
      const { number, type } = this.key();
      if (type === END_GROUP) {
        if (number !== group) throw malformed('unexpected end group tag');
        return;
      }
      this.value(number, type, depth - 1);
    }
  }

  varint() {
    let value = 0n;
    for (let i = 0; i < 10; i++) {
      const byte = this.message[this.at++];
      if (byte === undefined || (i === 9 && byte > 1)) break;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return value;
    }
    throw malformed('invalid varint');
  }

  take(n) {
    if (n > BigInt(this.message.length - this.at)) throw malformed('buffer underflow');
    const start = this.at;
    this.at += Number(n);
    return this.message.subarray(start, this.at);
  }
}

function want(field, type) {
  if (field.type !== type) throw malformed(`field ${field.number}: invalid wire type: ${field.type} (expected ${type})`);
  return field.value;
}

// bytesOf returns the bytes of a bytes field or a nested message.
export function bytesOf(field) {
  return want(field, BYTES);
}

// textOf returns the text of a string field.
export function textOf(field) {
  return fromUTF8(bytesOf(field));
}

// uint32Of, int32Of and int64Of read a varint as every protobuf reader does: what does not
// fit is cut off. The last is a BigInt.
export function uint32Of(field) {
  return Number(BigInt.asUintN(32, want(field, VARINT)));
}
export function int32Of(field) {
  return Number(BigInt.asIntN(32, want(field, VARINT)));
}
export function int64Of(field) {
  return BigInt.asIntN(64, want(field, VARINT));
}

// numbersOf returns the BigInts of a repeated field of numbers, packed or not.
export function numbersOf(field) {
  if (field.type !== BYTES) return [want(field, VARINT)];
  const packed = new Reader(field.value, recursionLimit);
  const numbers = [];
  while (packed.at < field.value.length) numbers.push(packed.varint());
  return numbers;
}

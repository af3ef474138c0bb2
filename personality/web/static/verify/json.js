// JSON as serde_json reads it, the library of the Rust reference. JSON.parse would round
// numbers above 2^53, take a member that stands there twice, and halves of surrogate pairs.
import { Failure, malformed } from './failure.js';

const maxDepth = 64;

// JSONNumber is a number by its text.
export class JSONNumber {
  constructor(text) {
    this.text = text;
  }
}

// JSONObject has its members in order, also those that stand there twice.
export class JSONObject {
  constructor() {
    this.members = [];
  }
}

/**
 * parse reads one JSON value: null, true, false, a string, a JSONNumber, an Array or a
 * JSONObject.
 * @param {string} text
 */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) throw reader.wrong();
  return value;
}

const space = /[ \t\n\r]*/y;
const number = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// A string with its escapes; no control character stands in one as it is.
const string = /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
const plainString = /"[^"\\\u0000-\u001f]*"/y;
const literals = { true: true, false: false, null: null };

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  wrong() {
    return malformed(`it is not JSON: character ${this.at}`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.at = pattern.lastIndex;
    return found[0];
  }

  space() {
    this.match(space);
  }

  take(character) {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  value(depth) {
    if (depth > maxDepth) throw malformed(`the JSON nests more than ${maxDepth} deep`);
    this.space();
    const first = this.text[this.at];
    if (first === '{') return this.object(depth);
    if (first === '[') return this.array(depth);
    if (first === '"') return this.string();
    for (const [name, value] of Object.entries(literals)) {
      if (this.text.startsWith(name, this.at)) {
        this.at += name.length;
        return value;
      }
    }
    const digits = this.match(number);
    if (digits === null) throw this.wrong();
    return new JSONNumber(digits);
  }

  string() {
    const plain = this.match(plainString);
    if (plain !== null) return whole(plain.slice(1, -1));
    const escaped = this.match(string);
    if (escaped === null) throw this.wrong();
    return whole(JSON.parse(escaped));
  }

  array(depth) {
    this.at++;
    const list = [];
    if (this.take(']')) return list;
    do list.push(this.value(depth + 1));
    while (this.take(','));
    if (!this.take(']')) throw this.wrong();
    return list;
  }

  object(depth) {
    this.at++;
    const object = new JSONObject();
    if (this.take('}')) return object;
    do {
      this.space();
      if (this.text[this.at] !== '"') throw this.wrong();
      const name = this.string();
      if (!this.take(':')) throw this.wrong();
      object.members.push([name, this.value(depth + 1)]);
    } while (this.take(','));
    if (!this.take('}')) throw this.wrong();
    return object;
  }
}

function whole(text) {
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)) {
    throw malformed('a string has half of a surrogate pair');
  }
  return text;
}

// Readers of members take a value and return what it means.

export function asText(value) {
  if (typeof value !== 'string') throw malformed('want a string');
  return value;
}

export function asBool(value) {
  if (typeof value !== 'boolean') throw malformed('want true or false');
  return value;
}

// asUint64 returns a BigInt.
export function asUint64(value) {
  if (!(value instanceof JSONNumber) || !/^(0|[1-9][0-9]{0,19})$/.test(value.text) || BigInt(value.text) >= 1n << 64n) {
    throw malformed('want a number from 0 to 2^64-1');
  }
  return BigInt(value.text);
}

// listOf makes a reader of lists of a reader of elements.
export function listOf(read) {
  return (value) => {
    if (!Array.isArray(value)) throw malformed('want a list');
    return value.map(read);
  };
}

// required is a member that must be there.
export function required(read) {
  return { read };
}

// optional is a member that may be left out, but is not null.
export function optional(read, otherwise) {
  return { read, optional: true, otherwise };
}

/**
 * fields reads an object with the given members and ignores others; a known one that
 * stands there twice is refused.
 * @param {object} members of required and optional by name
 * @param {boolean} asList takes a list of the values in order, too: so serde reads structs
 */
export function fields(value, members, asList = false) {
  const names = Object.keys(members);
  if (asList && Array.isArray(value)) {
    if (value.length !== names.length) throw malformed(`want ${names.length} values`);
    return Object.fromEntries(names.map((name, i) => [name, member(name, members[name], value[i])]));
  }
  if (!(value instanceof JSONObject)) throw malformed('want an object');
  const found = {};
  for (const [name, inner] of value.members) {
    if (!Object.hasOwn(members, name)) continue;
    if (Object.hasOwn(found, name)) throw malformed(`member "${name}" stands there twice`);
    found[name] = member(name, members[name], inner);
  }
  for (const name of names) {
    if (Object.hasOwn(found, name)) continue;
    if (!members[name].optional) throw malformed(`member "${name}" is missing`);
    found[name] = members[name].otherwise;
  }
  return found;
}

function member(name, { read }, value) {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof Failure) throw new Failure(error.reason, `member "${name}": ${error.message}`);
    throw error;
  }
}

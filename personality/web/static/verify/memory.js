// What a browser remembers of a registry: the checkpoint that it saw, the heads of logs
// under it, and keys. A registry can not take back what is remembered.
import { checkpointText, readCheckpoint } from './checkpoint.js';
import { Failure, malformed } from './failure.js';
import { parseHash } from './hash.js';
import * as json from './json.js';

// maxPackages is how many package heads are remembered, those that were seen last.
const maxPackages = 500;

/**
 * A store keeps texts by key: {get(key) → string or null, set(key, text), delete(key)}.
 * browserStore is that of this browser; it is null if the browser keeps nothing.
 */
export function browserStore() {
  try {
    const storage = globalThis.localStorage;
    const probe = 'warg-verify-probe';
    storage.setItem(probe, '1');
    storage.removeItem(probe);
    return { get: (key) => storage.getItem(key), set: (key, text) => keep(storage, key, text), delete: (key) => storage.removeItem(key) };
  } catch {
    return null;
  }
}

function keep(storage, key, text) {
  try {
    storage.setItem(key, text);
  } catch (error) {
    throw new Failure('memory-full', `this browser keeps no more for this page (${error.name}): make room, so that a registry that goes back is noticed`);
  }
}

const keyOf = (url) => 'warg-verify:' + url;

const hash = (value) => {
  const text = json.asText(value);
  parseHash(text);
  return text;
};
const seen = (value) => json.fields(value, { head: json.required(hash), index: json.required(json.asUint64) });

/**
 * recall returns what is remembered of a registry, or null:
 * {raw, checkpoint, origin, operatorKey, operator: {head, index}, packages: Map by log id of
 * {head, index}, vkey, withheld: {length, head}}. It throws if it can not be read.
 */
export function recall(store, url) {
  const raw = store.get(keyOf(url));
  if (raw === null) return null;
  try {
    const read = json.fields(json.parse(raw), {
      checkpoint: json.required(readCheckpoint),
      origin: json.required(hash),
      operatorKey: json.required(json.asText),
      operator: json.required(seen),
      packages: json.required((value) => {
        if (!(value instanceof json.JSONObject)) throw malformed('want an object');
        return new Map(value.members.map(([logId, inner]) => [logId, seen(inner)]));
      }),
      vkey: json.required(json.asText),
      withheld: json.required((value) => json.fields(value, { length: json.required(json.asUint64), head: json.required(hash) })),
    });
    return { raw, ...read };
  } catch (error) {
    throw new Failure('memory-damaged', `what this browser remembers of the registry can not be read (${error.message}): have it forget the registry, and it begins anew`);
  }
}

/**
 * remember keeps what was verified, unless something else was kept meanwhile (by another
 * tab): then it returns that, and the caller proves that both fit.
 * @returns null if it is kept, or what recall returns
 */
export function remember(store, url, before, verified) {
  const now = recall(store, url);
  if ((now?.raw ?? null) !== (before?.raw ?? null)) return now;
  store.set(keyOf(url), asText(verified));
  return null;
}

// forget has a browser meet a registry for the first time again.
export function forget(store, url) {
  store.delete(keyOf(url));
}

const seenText = ({ head, index }) => `{"head":"${head}","index":${index}}`;

function asText({ checkpoint, origin, operatorKey, operator, packages, vkey, withheld }) {
  const heads = [...packages].slice(-maxPackages).map(([logId, at]) => `"${logId}":${seenText(at)}`);
  return (
    `{"checkpoint":${checkpointText(checkpoint)},"origin":"${origin}","operatorKey":${JSON.stringify(operatorKey)},` +
    `"operator":${seenText(operator)},"packages":{${heads.join(',')}},"vkey":${JSON.stringify(vkey)},` +
    `"withheld":{"length":${withheld.length},"head":"${withheld.head}"}}`
  );
}

// Registry asks a registry's v1 API, and bounds what it takes from it. It believes nothing
// and verifies nothing.
import { fromBase64, fromUTF8 } from './bytes.js';
import { readCheckpoint } from './checkpoint.js';
import { Failure, malformed } from './failure.js';
import * as json from './json.js';
import { readPublished } from './records.js';
import { readPage } from './withheld.js';

// Bounds, in bytes but for the last ones.
const MAX_ANSWER = 64 << 20;
const MAX_ERROR = 64 << 10;
const MAX_NOTE = 512 << 10;
// PAGE is how many records of a log are asked for at a time: one has 256 KiB at most.
const PAGE = 100;
const MAX_WAIT = 10; // seconds that a registry that asks for patience gets, each time
const RETRIES = 3;

const base64 = (value) => fromBase64(json.asText(value));

// APIError is an answer with another status than 2xx. entity and id say what was not found.
export class APIError extends Failure {
  constructor(path, status, message, entity, id) {
    super(status === 401 || status === 403 ? 'token' : 'refused', `the registry answers ${path} with status ${status}: ${message}`);
    Object.assign(this, { status, entity, id });
  }
}

export class Registry {
  /**
   * @param {string} url of the registry
   * @param {{token?: string, fetch?: typeof fetch, signal?: AbortSignal}} options token is
   *   sent as Bearer to the registry's own origin, and kept nowhere
   */
  constructor(url, { token = '', fetch = (...a) => globalThis.fetch(...a), signal } = {}) {
    this.url = url.endsWith('/') ? url : url + '/';
    Object.assign(this, { token, fetch, signal });
  }

  async checkpoint() {
    return readCheckpoint(await this.#json('GET', 'v1/fetch/checkpoint'));
  }

  /**
   * records asks for records of the operator log, and of a package log, behind those with
   * these fetch tokens (null: from the first on). Without a package's log id (null) they are
   * the operator's alone.
   */
  async records(length, operatorToken, logId, packageToken) {
    const operator = operatorToken === null ? '' : `,"operator":${JSON.stringify(operatorToken)}`;
    const packages = logId === null ? '' : `,"packages":{"${logId}":${JSON.stringify(packageToken)}}`;
    const answer = await this.#json('POST', 'v1/fetch/logs', `{"logLength":${length},"limit":${PAGE}${operator}${packages}}`);
    const read = json.fields(answer, {
      more: json.optional(json.asBool, false),
      operator: json.optional(json.listOf(readPublished), []),
      packages: json.optional(readPackages, []),
    });
    return read;
  }

  // inclusion returns the messages of both bundles.
  async inclusion(length, indexes) {
    const answer = await this.#json('POST', 'v1/proof/inclusion', `{"logLength":${length},"leafs":[${indexes.join(',')}]}`);
    return json.fields(answer, { log: json.required(base64), map: json.required(base64) });
  }

  async consistency(from, to) {
    const answer = await this.#json('POST', 'v1/proof/consistency', `{"from":${from},"to":${to}}`);
    return json.fields(answer, { proof: json.required(base64) }).proof;
  }

  // withheld returns a page of the operator's statements; null if it has no such list.
  withheld(from) {
    return unlessMissing(async () => readPage(await this.#json('GET', `v1/withheld?from=${from}`)));
  }

  // note and vkeys are of the records log; null if it has none.
  note() {
    return unlessMissing(() => this.#bytes('GET', 'tlog/records/checkpoint', null, MAX_NOTE));
  }

  vkeys() {
    return unlessMissing(async () => fromUTF8(await this.#bytes('GET', 'tlog/records/vkeys', null, MAX_NOTE)));
  }

  // contentURLs are the places that are said to have a content, the registry's own among them.
  async contentURLs(digest) {
    const answer = json.fields(await this.#json('GET', `v1/content/${digest}`), { contentSources: json.required((v) => v) });
    const sources = json.fields(answer.contentSources, { [digest]: json.optional((v) => json.listOf((s) => json.fields(s, { url: json.required(json.asText) }).url)(v), []) });
    return sources[digest].map((url) => new URL(url, this.url).href);
  }

  // content fetches bytes from one of these places.
  async content(url, limit) {
    return readBody(url, await this.#send('GET', url, null, 'follow'), limit);
  }

  async #json(method, path, body = null) {
    const bytes = await this.#bytes(method, path, body, MAX_ANSWER);
    try {
      return json.parse(fromUTF8(bytes));
    } catch (error) {
      throw malformed(`the answer to ${path} can not be read: ${error.message}`);
    }
  }

  async #bytes(method, path, body, limit) {
    const url = new URL(path, this.url).href;
    return readBody(url, await this.#send(method, url, body, 'error'), limit);
  }

  // send waits where it is asked to, up to three times.
  async #send(method, url, body, redirect) {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#ask(method, url, body, redirect);
      if (response.ok) return response;
      const wait = Number(response.headers.get('Retry-After') ?? NaN);
      if (![429, 503].includes(response.status) || attempt === RETRIES || !(wait <= MAX_WAIT)) throw await refusal(url, response);
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    }
  }

  async #ask(method, url, body, redirect) {
    const headers = {};
    if (body !== null) headers['Content-Type'] = 'application/json';
    if (this.token !== '' && new URL(url).origin === new URL(this.url).origin) headers.Authorization = `Bearer ${this.token}`;
    try {
      return await this.fetch(url, {
        method, headers, body: body ?? undefined, redirect, signal: this.signal,
        cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer',
      });
    } catch (error) {
      if (error.name === 'AbortError') throw new Failure('stopped', 'it was stopped');
      throw new Failure('no-answer', `there is no answer from ${pathOf(url)}: ${error.message}`);
    }
  }
}

const readPackages = (value) => {
  if (!(value instanceof json.JSONObject)) throw malformed('want an object');
  return value.members.map(([logId, records]) => ({ logId, records: json.listOf(readPublished)(records) }));
};

async function unlessMissing(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof APIError && [404, 501].includes(error.status)) return null;
    throw error;
  }
}

// pathOf leaves out what may be secret: the query of a signed link.
function pathOf(url) {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

// readBody reads a whole body, or as far as the limit.
async function readBody(url, response, limit) {
  const chunks = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch((error) => {
      throw new Failure('no-answer', `the answer from ${pathOf(url)} broke off: ${error.message}`);
    });
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Failure('too-large', `the answer from ${pathOf(url)} has more than ${limit} bytes`);
    }
    chunks.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

// refusal reads the body of an error as far as it can.
async function refusal(url, response) {
  let said = '';
  let found = {};
  try {
    said = fromUTF8(await readBody(url, response, MAX_ERROR));
    const loose = (value) => (value instanceof json.JSONNumber ? value.text : typeof value === 'string' ? value : '');
    found = json.fields(json.parse(said), { message: json.optional(loose, ''), type: json.optional(loose, ''), id: json.optional(loose, ''), reason: json.optional(loose, '') });
  } catch {
    // What is no error of the API is quoted as it is.
  }
  const message = found.message || (found.type ? `no such ${found.type}: ${found.id}` : '') || said.trim() || response.statusText;
  return new APIError(new URL(url).pathname, response.status, message.slice(0, 500), found.type ?? '', found.id ?? '');
}

// What a hostile registry may send to exhaust or confuse the verifier.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18

const load = (name) => import(new URL(`../../static/verify/${name}.js`, import.meta.url));
const [keys, bytes, hash, json, logproof, note, registry, memory, protobuf, withheld, release] = await Promise.all(
  ['keys', 'bytes', 'hash', 'json', 'logproof', 'note', 'registry', 'memory', 'protobuf', 'withheld', 'release'].map(load),
);
const { utf8, fromHex, concat, leb128 } = bytes;

const refused = (read, reason = 'malformed') => assert.rejects(async () => read(), { name: 'Failure', reason });

test('JSON is read as serde_json reads it', async () => {
  for (const text of ['', ' ', '{', '{"a":1,}', '[1,]', '[1 2]', '01', '+1', '1.', '.5', 'nul', 'nulll', '"\u0001"', '"\\x"', '"\\ud800"', '"\\udc00\\ud800"', '\ufeff{}', '{a:1}', "'a'", '{} x', '1e', 'NaN']) {
    await refused(() => json.parse(text));
  }
  assert.equal(json.parse(' "\\ud83d\\ude00\\u00e9\\n" '), '\u{1f600}\u00e9\n');
  assert.deepEqual(json.parse('{"a":[true,false,null]}').members, [['a', [true, false, null]]]);
  assert.equal(json.asUint64(json.parse('18446744073709551615')), (1n << 64n) - 1n);
  for (const text of ['18446744073709551616', '-1', '1.0', '1e2', '"1"', 'null']) await refused(() => json.asUint64(json.parse(text)));
  await refused(() => json.parse('['.repeat(100_000)));
  await refused(() => json.fields(json.parse('{"__proto__":1}'), { a: json.required(json.asText) }));
  await refused(() => json.fields(json.parse('{"a":"1","a":"1"}'), { a: json.required(json.asText) }));
});

// The square root that comes out first is the greater one for about half of all points.
test('a compact point is the one with the smaller y', async () => {
  const point = (tag, x) => keys.PublicKey.parse('ecdsa-p256:' + bytes.toBase64(concat(tag, x)));
  let found = 0;
  for (let i = 0; i < 64; i++) {
    const x = await hash.sha256(`x ${i}`);
    const both = await Promise.all([2, 3].map((tag) => point(tag, x).catch(() => null)));
    if (both[0] === null) continue; // no point has this x
    found++;
    const [smaller] = both.map((key) => bytes.toHex(key.raw)).sort();
    assert.equal(bytes.toHex((await point(5, x)).raw), smaller);
    assert.deepEqual(await keys.PublicKey.parse('ecdsa-p256:' + bytes.toBase64(both[0].raw)), both[0]);
  }
  assert.ok(found > 10, `${found} points`);
});

test('base64 is strict', async () => {
  for (const text of ['A', 'AA', 'AAA', 'AA=', 'AB==', 'AAB=', 'AAAA=', 'AA==AA==', 'AAA\n', ' AAAA', 'AA-_', 'AAA\u0100', '====']) await refused(() => bytes.fromBase64(text));
  assert.deepEqual(bytes.fromBase64('/+8='), Uint8Array.of(0xff, 0xef));
  for (const n of [0, 1, 2, 3, 4, 31, 1000]) {
    const data = Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);
    assert.deepEqual(bytes.fromBase64(bytes.toBase64(data)), data);
  }
});

test('bundles beyond 32 bits are refused, not cut', async () => {
  const length = (n) => concat(0x08, leb128(n));
  assert.equal(logproof.LogBundle.decode(length(0xffffffffn)).logLength, 0xffffffffn);
  await refused(() => logproof.LogBundle.decode(length(1n << 32n)), 'range');
  await refused(() => logproof.LogBundle.decode(concat(0x12, 5, leb128(1n << 32n))), 'range');
  const empty = logproof.LogBundle.decode(new Uint8Array(0));
  await refused(() => empty.verifyInclusion((1n << 31n) + 1n, new Uint8Array(32), []), 'range');
  await refused(() => empty.verifyInclusion(0n, new Uint8Array(32), []), 'proof-count');
  await refused(() => empty.verifyConsistency(0n, 1n, new Uint8Array(32), new Uint8Array(32)), 'range');
  await refused(() => empty.verifyConsistency(2n, 1n, new Uint8Array(32), new Uint8Array(32)), 'range');
});

test('protobuf groups nest no deeper than prost lets them', async () => {
  const groups = (n) => fromHex('0b'.repeat(n) + '0c'.repeat(n));
  protobuf.eachField(groups(100), () => {});
  await refused(() => protobuf.eachField(groups(101), () => {}));
  await refused(() => protobuf.eachField(fromHex('0b14'), () => {}));
  await refused(() => protobuf.eachField(fromHex('0880808080808080808002'), () => {}));
});

test('a note is what signed-note says', async () => {
  const root = bytes.toBase64(new Uint8Array(32));
  const signature = `\u2014 log ${bytes.toBase64(new Uint8Array(68))}\n`;
  const good = `log\n7\n${root}\nextension\n\n${signature}`;
  assert.equal(note.parseNote(utf8(good)).size, 7n);
  for (const text of ['', good.slice(0, -1), good.replace('\n\n', '\n'), good.replace('7', '07'), good.replace('7', '18446744073709551616'), good.replace(root, root.slice(4)),
    good.replace('extension', 'ext\u0000'), good.replace('\u2014', '-'), good + signature.repeat(100), `\n7\n${root}\n\n${signature}`]) {
    await refused(() => note.parseNote(utf8(text)));
  }
  // The key of the example in golang.org/x/mod/sumdb/note.
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  assert.equal((await note.parseVKey(vkey)).id, 'c74f20a3');
  await refused(() => note.parseVKey(vkey.replace('c74f20a3', 'c74f20a4')));
  await refused(() => note.parseVKey(vkey.replace('Neumann', 'neumann')));
});

// The example of golang.org/x/mod/sumdb/note, made by others.
test('a note that others have signed', async () => {
  const text = 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n';
  const vkey = await note.parseVKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  const raw = bytes.fromBase64('x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=');
  const signed = (body) => ({ text: body, origin: vkey.name, signatures: [{ name: vkey.name, id: 'c74f20a3', raw: raw.subarray(4) }] });
  await note.checkLogSignature(signed(text), vkey);
  await refused(() => note.checkLogSignature(signed(text + 'x\n'), vkey), 'note-signature');
  await refused(() => note.checkLogSignature({ ...signed(text), signatures: [] }, vkey), 'note-signature');
  await refused(() => note.checkLogSignature({ ...signed(text), origin: 'other' }, vkey), 'note-origin');
  assert.ok(await note.knowsEd25519());
});

// answering makes a registry of what fetch is to return.
const answering = (...responses) => new registry.Registry('http://registry.test', { token: 'secret', fetch: async (url, options) => responses.shift()(url, options) });

test('answers are bounded, and refusals said', async () => {
  const endless = () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1 << 20)) }));
  await refused(() => answering(endless).checkpoint(), 'too-large');
  await refused(() => answering(() => new Response('{"message":"no token","status":401}', { status: 401 })).checkpoint(), 'token');
  await refused(() => answering(() => new Response('<html>', { status: 500 })).checkpoint(), 'refused');
  await refused(() => answering(() => Promise.reject(new TypeError('refused'))).checkpoint(), 'no-answer');
  await refused(() => answering(() => new Response('{}')).checkpoint());
  await refused(() => answering(() => new Response(Uint8Array.of(0x22, 0xff, 0x22))).checkpoint());
  assert.equal(await answering(() => new Response('{"status":404}', { status: 404 })).withheld(0n), null);
  const patient = answering(() => new Response('', { status: 429, headers: { 'Retry-After': '0' } }), () => new Response('', { status: 404 }));
  assert.equal(await patient.note(), null);
  await refused(() => answering(() => new Response('', { status: 503, headers: { 'Retry-After': '3600' } })).checkpoint(), 'refused');
});

test('the token goes to the registry alone', async () => {
  const sent = [];
  const r = answering(...[1, 2].map(() => (url, { headers }) => (sent.push([url, headers.Authorization]), new Response('x'))));
  await r.content('http://registry.test/content/a', 10);
  await r.content('http://elsewhere.test/content/a', 10);
  assert.deepEqual(sent, [['http://registry.test/content/a', 'Bearer secret'], ['http://elsewhere.test/content/a', undefined]]);
});

test('a damaged memory is not taken for none', async () => {
  const kept = new Map();
  const store = { get: (k) => kept.get(k) ?? null, set: (k, v) => kept.set(k, v), delete: (k) => kept.delete(k) };
  assert.equal(memory.recall(store, 'http://registry.test/'), null);
  for (const damaged of ['', '{}', 'null', '{"checkpoint":{}}']) {
    kept.set('warg-verify:http://registry.test/', damaged);
    await refused(() => memory.recall(store, 'http://registry.test/'), 'memory-damaged');
  }
  memory.forget(store, 'http://registry.test/');
  assert.equal(memory.recall(store, 'http://registry.test/'), null);
  assert.equal(memory.browserStore(), null); // Node has none
});

test('pages of statements are bounded and well formed', async () => {
  const origin = 'sha256:' + '0'.repeat(64);
  const page = (statements) => withheld.readPage(json.parse(JSON.stringify({ origin, total: 1, statements })));
  assert.deepEqual(page(null).statements, []);
  await refused(() => page([{}]));
  await refused(() => page(Array.from({ length: 257 }, () => ({}))));
});

test('a file that is too large is not read', async () => {
  const said = await release.identify({ verdict: 'verified' }, { size: release.MAX_CONTENT + 1, arrayBuffer: () => assert.fail('it was read') });
  assert.deepEqual([said.status, said.reason], ['failed', 'too-large']);
});

test('names of packages are those of the protocol', async () => {
  for (const name of ['', 'a', ':', 'a:', ':b', 'a:b:c', 'A:b', 'a:b ', 'a:b\n', 'a:1', 'a--b:c', '__proto__:b']) await refused(() => hash.parseName(name));
});

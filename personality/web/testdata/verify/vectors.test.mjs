// Runs the golden vectors of the protocol, made by the Rust reference, against the page's
// verifier. WARG_VECTORS is their folder. Each kind of case has a handler, and the cases
// that ran are counted against the file's own counts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18

const dir = process.env.WARG_VECTORS;
const load = (name) => import(new URL(`../../static/verify/${name}.js`, import.meta.url));
const [bytes, hash, keys, records, logs, checkpoint, logproof, mapproof, json, version] = await Promise.all(
  ['bytes', 'hash', 'keys', 'records', 'logs', 'checkpoint', 'logproof', 'mapproof', 'json', 'version'].map(load),
);
const { fromHex, toHex, fromBase64 } = bytes;
const { parseHash, hashText } = hash;
const { PublicKey, parseSignature } = keys;

// notHere are kinds that a verifier has no part in: it has no private keys, makes no
// checkpoints and answers no requests.
const notHere = {
  'signing.json': ['private_key'],
  'checkpoints.json': ['timestamp_from_time'],
  'log_tree.json': ['request_out_of_range'],
  'map_tree.json': ['absent'],
};

function vectors(file, makeHandlers) {
  test(file, async (t) => {
    const text = readFileSync(join(dir, file), 'utf8');
    const doc = JSON.parse(text.replace(/"seconds": ?(-?[0-9]{16,})/g, '"seconds":"$1"')); // beyond 2^53
    const handlers = makeHandlers(doc);
    const ran = {};
    for (const [i, c] of doc.cases.entries()) {
      if (notHere[file]?.includes(c.kind)) continue;
      assert.ok(handlers[c.kind], `${file} case ${i}: no test handles kind "${c.kind}"`);
      ran[c.kind] = (ran[c.kind] ?? 0) + 1;
      try {
        await handlers[c.kind](c);
      } catch (error) {
        await t.test(`${c.kind}/${i} ${c.name ?? c.note ?? ''}`, () => {
          throw error;
        });
      }
    }
    assert.ok(doc.cases.length > 0, `${file} has no cases`);
    for (const [kind, want] of Object.entries(doc.counts)) {
      if (!notHere[file]?.includes(kind)) assert.equal(ran[kind], want, `cases of kind "${kind}" that ran`);
    }
  });
}

// accepted runs read, and demands that it fails with a Failure, and no other error, where
// the vectors refuse.
async function accepted(ok, read) {
  let value;
  try {
    value = await read();
  } catch (error) {
    assert.equal(error.name, 'Failure', error.stack);
    assert.ok(!ok, `refused: ${error.message}`);
    return undefined;
  }
  assert.ok(ok, 'accepted, want it refused');
  return value ?? true;
}

vectors('hashing.json', () => ({
  digest: async (c) => assert.equal(hashText(await hash.sha256(fromHex(c.data_hex))), c.hash),
  hash_string: async (c) => {
    await accepted(c.ok, () => hash.checkAnyHash(c.input));
    if (c.ok) {
      const digest = await accepted(c.sha256_length_ok, () => parseHash(c.input));
      if (digest) assert.equal(toHex(digest), c.bytes_hex);
    }
  },
  leb128: (c) => assert.equal(toHex(bytes.leb128(BigInt(c.value_decimal))), c.bytes_hex),
  prefix_str: (c) => assert.equal(toHex(bytes.prefixed(c.text)), c.bytes_hex),
  package_name: async (c) => {
    const name = await accepted(c.ok, () => hash.parseName(c.input));
    if (!name) return;
    assert.deepEqual([name.namespace, name.name], [c.namespace, c.name]);
    assert.equal(await hash.packageLogId(c.input), c.log_id);
  },
  namespace: (c) => assert.equal(hash.isNamespace(c.input), c.ok),
  operator_log_id: async (c) => assert.equal(await hash.operatorLogId(), c.log_id),
  record_id: async (c) => {
    assert.equal(await hash.packageRecordId(fromHex(c.content_hex)), c.package_record_id);
    assert.equal(await hash.operatorRecordId(fromHex(c.content_hex)), c.operator_record_id);
  },
}));

const prefixes = { raw: '', PackageRecord: keys.PACKAGE_RECORD, OperatorRecord: keys.OPERATOR_RECORD, TimestampedCheckpoint: keys.CHECKPOINT };

async function verifies(c) {
  const key = await PublicKey.parse(c.public_key);
  return key.verify(prefixes[c.type], fromHex(c.content_hex), parseSignature(c.signature));
}

vectors('signing.json', () => ({
  public_key: async (c) => {
    const key = await accepted(c.ok, () => PublicKey.parse(c.input));
    if (key) assert.deepEqual([key.text, key.id], [c.printed, c.key_id]);
  },
  signature: async (c) => {
    const signature = await accepted(c.ok, () => parseSignature(c.input));
    if (signature) assert.deepEqual([signature.text, toHex(signature.der), toHex(signature.raw)], [c.printed, c.der_hex, c.r_hex + c.s_hex]);
  },
  key_id_string: (c) => assert.equal(json.asText(json.parse(JSON.stringify(c.input))), c.printed),
  sign: async (c) => {
    assert.equal((await PublicKey.parse(c.public_key)).id, c.key_id);
    assert.equal(prefixes[c.type], c.type === 'raw' ? '' : c.prefix);
    assert.ok(await verifies(c));
  },
  verify: async (c) => assert.equal(await verifies(c), c.valid),
}));

const entryTypes = { init: 'init', grant: 'grant', revoke: 'revoke', release: 'release', yank: 'yank', define: 'define_namespace', import: 'import_namespace' };

// modelOf is a record as the vectors describe it.
function modelOf(record) {
  return {
    prev: record.prev, version: record.version,
    time: { seconds: String(record.time.seconds), nanos: record.time.nanos },
    entries: record.entries.map(({ type, key, keyId, ...rest }) => ({
      type: entryTypes[type], ...(key && { key: key.text }), ...(keyId !== undefined && { key_id: keyId }), ...rest,
    })),
  };
}

function wantedModel(record) {
  const entries = record.entries.map(({ hash_algorithm, ...rest }) => rest);
  return { prev: record.prev, version: record.version, time: { seconds: String(BigInt(record.time.seconds)), nanos: record.time.nanos }, entries };
}

const sameModel = (record, want) => assert.deepEqual(modelOf(record), wantedModel(want));
const parserOf = (operator) => (operator ? records.parseOperatorRecord : records.parsePackageRecord);

function checkRecord(doc) {
  return async (c) => {
    const operator = c.kind === 'operator_record';
    const envelope = records.readEnvelope(json.parse(c.envelope_json));
    assert.deepEqual(records.decodeEnvelope(fromHex(c.envelope_protobuf_hex)), envelope);
    assert.equal(toHex(envelope.content), c.content_hex);
    const record = await parserOf(operator)(envelope);
    sameModel(record, c.record);
    assert.equal(record.id, c.record_id);
    const key = await PublicKey.parse(doc.keys.find((k) => k.name === c.signer).public_key);
    assert.ok(await key.verify(operator ? keys.OPERATOR_RECORD : keys.PACKAGE_RECORD, envelope.content, envelope.signature));
  };
}

vectors('envelopes.json', (doc) => ({
  package_record: checkRecord(doc),
  operator_record: checkRecord(doc),
  published_record: async (c) => {
    const published = records.readPublished(json.parse(c.json));
    assert.equal(published.index, BigInt(/"registryIndex":([0-9]+)/.exec(c.json)[1]));
    assert.equal(published.fetchToken, c.fetch_token);
    const id = c.type === 'operator' ? hash.operatorRecordId : hash.packageRecordId;
    assert.equal(await id(published.envelope.content), c.fetch_token);
  },
  decode_content: async (c) => {
    const envelope = { content: fromHex(c.content_hex), keyId: c.key_id, signature: parseSignature(c.signature) };
    const record = await accepted(c.ok, () => parserOf(c.type === 'operator')(envelope));
    if (!record) return;
    sameModel(record, c.record);
    assert.equal(record.id, c.record_id);
  },
  decode_envelope_protobuf: async (c) => {
    const record = await accepted(c.ok, async () => records.parsePackageRecord(records.decodeEnvelope(fromHex(c.bytes_hex))));
    if (!record) return;
    const { content, keyId, signature } = record.envelope;
    assert.deepEqual([toHex(content), keyId, signature.text], [c.content_hex, c.key_id, c.signature]);
  },
  decode_envelope_json: async (c) => {
    const envelope = await accepted(c.ok || c.stage === 'content', () => records.readEnvelope(json.parse(c.json)));
    if (c.stage === 'content') await accepted(false, () => records.parsePackageRecord(envelope));
    if (c.ok) assert.equal(toHex(envelope.content), c.content_hex);
  },
}));

function checkState(log, want) {
  assert.equal(log.head?.id ?? null, want.head?.record_id ?? null);
  if (want.head) {
    assert.deepEqual([log.head.time.seconds, log.head.time.nanos], [BigInt(want.head.time.seconds), want.head.time.nanos]);
  }
  const held = (want.permissions ?? []).map((p) => [p.key_id, p.permissions]);
  if (want.permissions) assert.deepEqual([...log.permissions], held);
  if (want.keys) assert.deepEqual([...log.keys].map(([id, key]) => [id, key.text]), want.keys.map((k) => [k.key_id, k.public_key]));
  if (want.releases) assert.deepEqual([...log.releases.values()].map(releaseModel), want.releases.map(wantedRelease));
  for (const { version: found } of (want.find_latest ?? []).filter((f) => f.requirement === '*')) checkLatest(log, found);
  if (want.namespaces) {
    const named = want.namespaces.map((n) => ({ name: n.namespace, registry: n.state === 'imported' ? n.registry : null }));
    assert.deepEqual([...log.namespaces.values()], named);
  }
  if (want.checkpoint_signers) assert.deepEqual(log.checkpointSigners(), want.checkpoint_signers);
}

// checkLatest holds the order of versions: "*" takes no pre-release.
function checkLatest(log, found) {
  const fit = [...log.releases.values()].filter((r) => r.yank === null && version.parseVersion(r.version).pre.length === 0);
  const order = (a, b) => version.compareVersions(version.parseVersion(a.version), version.parseVersion(b.version));
  assert.equal(fit.sort(order).at(-1)?.version ?? null, found);
}

const releaseModel = (r) => [r.version, r.recordId, r.by, r.content, r.yank ? 'yanked' : 'released', r.yank?.by ?? null];
const wantedRelease = (r) => [r.version, r.record_id, r.by, r.content ?? null, r.status, r.yanked_by ?? null];

function checkLog(makeLog, parse) {
  return async (c) => {
    const log = makeLog();
    for (const [i, { envelope, record_id }] of c.records.entries()) {
      const record = await parse(records.readEnvelope(json.parse(JSON.stringify(envelope))));
      assert.equal(record.id, record_id);
      if (!c.valid && i === c.failed_index) {
        await assert.rejects(log.append(record), { name: 'Failure', reason: c.error_variant, message: c.error });
        checkState(log, c.state_before_failure);
        return;
      }
      await log.append(record);
    }
    assert.ok(c.valid, 'all records are valid, want one refused');
    checkState(log, c.state);
  };
}

const packageLog = checkLog(() => new logs.PackageLog(), records.parsePackageRecord);
vectors('package_logs.json', () => ({ sequence: packageLog, random: packageLog }));
const operatorLog = checkLog(() => new logs.OperatorLog(), records.parseOperatorRecord);
vectors('operator_logs.json', () => ({ sequence: operatorLog, random: operatorLog }));

vectors('checkpoints.json', () => ({
  checkpoint: async (c) => {
    const read = checkpoint.parseCheckpoint(c.envelope_json);
    assert.deepEqual([read.logLength, read.timestamp], [BigInt(c.log_length_decimal), BigInt(c.timestamp_decimal)]);
    assert.equal(toHex(checkpoint.encodeCheckpoint(read)), c.checkpoint_encoding_hex);
    assert.equal(hashText(await hash.sha256(checkpoint.encodeCheckpoint(read))), c.checkpoint_id);
    assert.equal(toHex(checkpoint.encodeTimestamped(read)), c.timestamped_encoding_hex);
    assert.equal(checkpoint.checkpointText(read), c.envelope_json);
    assert.ok(await checkpoint.isSignedBy(read, await PublicKey.parse(c.public_key)));
  },
  verify_envelope: async (c) => {
    const read = checkpoint.parseCheckpoint(c.envelope_json);
    const key = await PublicKey.parse(c.public_key);
    assert.equal(await checkpoint.isSignedBy(read, key), c.signature_valid);
    assert.equal(read.keyId === key.id, c.key_id_matches_key);
  },
  decode_envelope_json: (c) => accepted(c.ok, () => checkpoint.parseCheckpoint(c.json)),
}));

vectors('log_tree.json', (doc) => {
  const leaves = doc.cases.filter((c) => c.kind === 'leaf').map((c) => ({ index: BigInt(c.index), hash: parseHash(c.leaf_hash) }));
  const nodes = new Map(doc.cases.filter((c) => c.kind === 'node').map((c) => [BigInt(c.node), parseHash(c.hash)]));
  const roots = new Map(doc.cases.filter((c) => c.kind === 'root').map((c) => [c.length, parseHash(c.root)]));
  const at = (indexes) => indexes.map((i) => leaves[i]);

  const checkBundle = async (c) => {
    const [length, lengths, root] = c.kind === 'consistency' ? [c.to, [c.from], c.to_root] : [c.log_length, c.consistent_lengths ?? [], c.root];
    const bundle = logproof.LogBundle.decode(fromBase64(c.bundle_base64));
    assert.deepEqual(decoded(bundle), c.bundle);
    if (c.leaf_indices) await bundle.verifyInclusion(BigInt(length), parseHash(root), at(c.leaf_indices));
    for (const from of lengths) {
      bundle.consistentLengths = [BigInt(from)];
      bundle.includedNodes = [];
      await bundle.verifyConsistency(BigInt(from), BigInt(length), roots.get(from), parseHash(root));
    }
  };

  const checkDamaged = async (c) => {
    const bundle = await accepted(c.decodes, () => logproof.LogBundle.decode(fromBase64(c.bundle_base64)));
    if (!bundle) return;
    // The reference evaluates each proof; here only what proves exactly what is asked holds.
    const consistent = c.consistency_5_to_11.length === 1 && holdsFrom5To11(c.consistency_5_to_11[0]) && c.inclusion_3_and_10.length === 0;
    await accepted(consistent, () => bundle.verifyConsistency(5n, 11n, roots.get(5), roots.get(11)));
    const included = c.inclusion_3_and_10.length === 2 && c.inclusion_3_and_10.every((p, i) => p.root_right && p.leaf_index === [3, 10][i] && p.node === [6, 20][i]);
    await accepted(included, () => bundle.verifyInclusion(11n, roots.get(11), at([3, 10])));
  };

  return {
    leaf: async (c) => {
      assert.equal(toHex(hash.encodeLeaf(c.log_id, c.record_id)), c.encoding_hex);
      assert.equal(hashText(await hash.leafHash(c.log_id, c.record_id)), c.leaf_hash);
    },
    root: async (c) => {
      const balanced = logproof.balancedRoots(BigInt(c.length));
      assert.deepEqual(balanced, c.balanced_root_nodes.map(BigInt));
      if (c.length > 0) assert.equal(hashText(await logproof.fold(balanced.map((n) => nodes.get(n)))), c.root);
    },
    node: (c) => {
      const n = BigInt(c.node);
      assert.deepEqual([logproof.height(n), logproof.parent(n), logproof.sibling(n)], [c.height, c.parent, c.sibling].map(BigInt));
    },
    inclusion: checkBundle,
    consistency: checkBundle,
    mixed: checkBundle,
    verify_bundle: checkDamaged,
  };
});

const holdsFrom5To11 = (p) => p.from === 5 && p.to === 11 && p.from_root_right === true && p.to_root_right === true;

const decoded = (b) => ({
  log_length: Number(b.logLength), consistent_lengths: b.consistentLengths.map(Number), included_nodes: b.includedNodes.map(Number),
  hashes: b.hashes.map((h) => ({ node: Number(h.node), hash_hex: toHex(h.hash) })),
});

vectors('map_tree.json', () => ({
  empty_tree_hash: async (c) => assert.equal(hashText((await mapproof.emptyHashes())[c.level]), c.hash),
  insert: async (c) => {
    if (c.log_id === undefined) return; // the empty map
    assert.equal(toHex(await hash.mapPath(c.log_id)), c.key_path_hex);
    assert.equal(hashText(await hash.mapLeafHash(c.record_id)), c.leaf_hash);
  },
  proof: async (c) => {
    const bundle = mapproof.MapBundle.decode(fromBase64(c.bundle_base64));
    assert.deepEqual(bundle.proofs.map((p) => p.map((h) => h && toHex(h))), c.proof_hashes_hex);
    const leaves = c.entries.map((e) => ({ logId: e.log_id, recordId: e.record_id }));
    await accepted(leaves.length > 0, () => bundle.verify(parseHash(c.root), leaves)); // no proof proves nothing
  },
  verify_bundle: async (c) => {
    const bundle = await accepted(c.decodes, () => mapproof.MapBundle.decode(fromBase64(c.bundle_base64)));
    const holds = c.proof_count === 1 && c.root_right;
    if (bundle) await accepted(holds, () => bundle.verify(parseHash(c.root), [{ logId: c.log_id, recordId: c.record_id }]));
  },
}));

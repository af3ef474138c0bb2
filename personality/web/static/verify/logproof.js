// Proof bundles of the records log: the message warg.transparency.LogProofBundle. Nodes
// have in-order numbers: leaf i is node 2i. The models are warg/proof's log_bundle.go,
// node.go and verify_log.go. Numbers of nodes and leaves are BigInts.
import { equalBytes } from './bytes.js';
import { Failure, malformed } from './failure.js';
import { hashChildren, hashText } from './hash.js';
import * as protobuf from './protobuf.js';

// MAX_LOG_LENGTH is the greatest log length that a bundle can speak of: its numbers are 32
// bits wide. The reference truncates greater ones without a word.
export const MAX_LOG_LENGTH = 1n << 31n;

const trailingOnes = (n) => {
  let height = 0n;
  for (let rest = n; rest & 1n; rest >>= 1n) height++;
  return height;
};
const step = (n) => 1n << trailingOnes(n);
const isRight = (n) => ((n >> (trailingOnes(n) + 1n)) & 1n) === 1n;

// height, parent and sibling of a node in the tree.
export const height = trailingOnes;
export const parent = (n) => (isRight(n) ? n - step(n) : n + step(n));
export const sibling = (n) => (isRight(n) ? n - 2n * step(n) : n + 2n * step(n));

const lastLeaf = (n) => (n + step(n) - 1n) / 2n;
const covers = (n, leaf) => leaf >> height(n) === lastLeaf(n) >> height(n);

// balancedRoots are the roots of the perfect subtrees that make up a log of that length,
// left to right.
export function balancedRoots(length) {
  const roots = [];
  for (let start = 0n; start < length; ) {
    let size = 1n;
    while (2n * size <= length - start) size *= 2n;
    roots.push(2n * start + size - 1n);
    start += size;
  }
  return roots;
}

// fold hashes balanced roots, left to right, into the root over them.
export async function fold(hashes) {
  let root = hashes.at(-1);
  for (const hash of hashes.slice(0, -1).reverse()) root = await hashChildren(hash, root);
  return root;
}

// number reads a uint32 and refuses what does not fit into one.
function number(value) {
  if (value > 0xffffffffn) throw new Failure('range', `the bundle has the number ${value}, which is more than 32 bits wide`);
  return value;
}

function varintOf(field) {
  if (field.type !== protobuf.VARINT) throw malformed(`field ${field.number} of the bundle is no number`);
  return number(field.value);
}

function hashOf(bytes) {
  if (bytes.length !== 32) throw malformed(`the bundle has a hash of ${bytes.length} bytes, want 32`);
  return bytes;
}

// LogBundle has proofs about one length of the log, with the hashes that they share.
export class LogBundle {
  logLength = 0n;
  consistentLengths = [];
  includedNodes = [];
  hashes = []; // {node, hash}

  static decode(message) {
    const bundle = new LogBundle();
    protobuf.eachField(message, (field) => {
      if (field.number === 1) bundle.logLength = varintOf(field);
      if (field.number === 2) bundle.consistentLengths = bundle.consistentLengths.concat(protobuf.numbersOf(field).map(number));
      if (field.number === 3) bundle.includedNodes = bundle.includedNodes.concat(protobuf.numbersOf(field).map(number));
      if (field.number === 4) bundle.hashes.push(decodeEntry(field));
    });
    return bundle;
  }

  /**
   * verifyInclusion demands that the bundle proves exactly these leaves, in this order, to
   * be in the log of that length with that root. (The official client does not notice
   * proofs that are missing from a bundle.)
   * @param {{index: bigint, hash: Uint8Array}[]} leaves
   */
  async verifyInclusion(length, root, leaves) {
    this.#check(length);
    if (leaves.length === 0 || this.includedNodes.length !== leaves.length) {
      throw new Failure('proof-count', `the bundle has ${this.includedNodes.length} inclusion proofs, want ${leaves.length}`);
    }
    for (const [i, leaf] of leaves.entries()) {
      if (leaf.index >= length) throw new Failure('range', `leaf ${leaf.index} is not in a log of ${length}`);
      const at = 2n * leaf.index;
      if (this.includedNodes[i] !== at) {
        throw new Failure('proof-count', `inclusion proof ${i} is of node ${this.includedNodes[i]}, want ${at} (leaf ${leaf.index})`);
      }
      demandRoot(`the inclusion proof of leaf ${leaf.index} at length ${length}`, await this.evaluateInclusion(at, leaf.hash), root);
    }
  }

  // verifyConsistency demands that the bundle proves exactly one consistency: that the log
  // of from leaves is a prefix of that of to leaves. from is at least 1, and not above to.
  async verifyConsistency(from, to, fromRoot, toRoot) {
    if (from < 1n || from > to) throw new Failure('range', `there is no consistency from ${from} to ${to}`);
    this.#check(to);
    if (this.consistentLengths.length !== 1 || this.consistentLengths[0] !== from || this.includedNodes.length !== 0) {
      throw new Failure('proof-count', `the bundle has consistency proofs from lengths ${this.consistentLengths.join(', ') || '(none)'} and ${this.includedNodes.length} inclusion proofs; want one from ${from}, and no other`);
    }
    const got = await this.evaluateConsistency(from);
    demandRoot(`the consistency proof from ${from} to ${to}, at ${from},`, got.fromRoot, fromRoot);
    demandRoot(`the consistency proof from ${from} to ${to}, at ${to},`, got.toRoot, toRoot);
  }

  #check(length) {
    if (length > MAX_LOG_LENGTH) throw new Failure('range', `the log has ${length} leaves: bundles can not speak of more than ${MAX_LOG_LENGTH}`);
    if (this.logLength !== length) throw new Failure('proof-count', `the bundle is about log length ${this.logLength}, want ${length}`);
    this.known = new Map();
    for (const [i, { node, hash }] of this.hashes.entries()) {
      // Clients look hashes up by bisection.
      if (i > 0 && this.hashes[i - 1].node >= node) throw malformed(`the hash of node ${node} does not come before that of node ${this.hashes[i - 1].node}`);
      this.known.set(node, hash);
    }
  }

  #hashOf(node) {
    const hash = this.known.get(node);
    if (hash === undefined) throw new Failure('missing-hash', `the bundle lacks the hash of node ${node}`);
    return hash;
  }

  // evaluateInclusion returns the log root that follows from a node's hash. Any node will
  // do, not only a leaf.
  async evaluateInclusion(node, nodeHash) {
    if (lastLeaf(node) >= this.logLength) throw new Failure('range', `node ${node} is beyond log length ${this.logLength}`);
    const nodes = balancedRoots(this.logLength);
    const top = nodes.findIndex((n) => covers(n, lastLeaf(node)));
    let [at, hash] = [node, nodeHash];
    while (at !== nodes[top]) {
      const other = this.#hashOf(sibling(at));
      hash = isRight(at) ? await hashChildren(other, hash) : await hashChildren(hash, other);
      at = parent(at);
    }
    return fold(nodes.map((n, i) => (i === top ? hash : this.#hashOf(n))));
  }

  // evaluateConsistency returns the roots at from and at the bundle's length that follow
  // from the balanced roots at from, which must all lead to the same.
  async evaluateConsistency(from) {
    const nodes = balancedRoots(from);
    const hashes = nodes.map((n) => this.#hashOf(n));
    let toRoot = null;
    for (const [i, node] of nodes.entries()) {
      const got = await this.evaluateInclusion(node, hashes[i]);
      if (toRoot !== null) demandRoot(`the proof of balanced root ${node}`, got, toRoot);
      toRoot = got;
    }
    return { fromRoot: await fold(hashes), toRoot };
  }
}

function decodeEntry(field) {
  const entry = { node: 0n, hash: new Uint8Array(0) };
  protobuf.nested(field, protobuf.topDepth, (inner) => {
    if (inner.number === 1) entry.node = varintOf(inner);
    if (inner.number === 2) entry.hash = protobuf.bytesOf(inner);
  });
  hashOf(entry.hash);
  return entry;
}

// demandRoot refuses a root that does not follow.
export function demandRoot(what, got, wanted) {
  if (!equalBytes(got, wanted)) throw new Failure('root-mismatch', `${what} leads to root ${hashText(got)}, want ${hashText(wanted)}`);
}

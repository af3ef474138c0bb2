// Proof bundles of the map: the message warg.transparency.MapProofBundle. The map is a
// sparse Merkle tree of depth 256. The models are warg/proof's map_bundle.go and
// verify_map.go.
import { Failure, malformed } from './failure.js';
import { hashChildren, mapLeafHash, mapPath, sha256 } from './hash.js';
import { demandRoot } from './logproof.js';
import * as protobuf from './protobuf.js';

const depth = 256;

let empty = null;

// emptyHashes are the roots of empty subtrees by their height, 0 to 256.
export function emptyHashes() {
  empty ??= (async () => {
    const hashes = [await sha256(Uint8Array.of(0))];
    while (hashes.length <= depth) hashes.push(await hashChildren(hashes.at(-1), hashes.at(-1)));
    return hashes;
  })();
  return empty;
}

// MapBundle has inclusion proofs of keys in one state of the map. Which key each is for is
// not in it; it follows from the request. A proof is the siblings on the way from the leaf
// to the root, deepest first; deeper ones are roots of empty subtrees, and so is null.
export class MapBundle {
  proofs = [];

  static decode(message) {
    const bundle = new MapBundle();
    protobuf.eachField(message, (field) => {
      if (field.number === 1) bundle.proofs.push(decodeProof(field));
    });
    return bundle;
  }

  /**
   * verify demands that the bundle proves exactly these leaves, in this order.
   * @param {Uint8Array} root
   * @param {{logId: string, recordId: string}[]} leaves logs with their heads
   */
  async verify(root, leaves) {
    if (leaves.length === 0 || this.proofs.length !== leaves.length) {
      throw new Failure('proof-count', `the bundle has ${this.proofs.length} map proofs, want ${leaves.length}`);
    }
    for (const [i, { logId, recordId }] of leaves.entries()) {
      const got = await evaluate(this.proofs[i], await mapPath(logId), await mapLeafHash(recordId));
      demandRoot(`the map proof of log ${logId} with head ${recordId}`, got, root);
    }
  }
}

function decodeProof(field) {
  const proof = [];
  protobuf.nested(field, protobuf.topDepth, (inner) => {
    if (inner.number === 1) proof.push(decodeHash(inner));
  });
  return proof;
}

function decodeHash(field) {
  let hash = null;
  protobuf.nested(field, protobuf.topDepth - 1, (inner) => {
    if (inner.number === 1) hash = protobuf.bytesOf(inner);
  });
  if (hash !== null && hash.length !== 32) throw malformed(`the map bundle has a hash of ${hash.length} bytes, want 32`);
  return hash;
}

// evaluate returns the map root that follows from a leaf hash at the end of a path.
async function evaluate(proof, path, leaf) {
  // The reference ignores all hashes of a longer proof.
  if (proof.length > depth) throw malformed(`the map proof has ${proof.length} hashes, the tree has ${depth} levels`);
  const empties = await emptyHashes();
  let hash = leaf;
  for (let level = 0; level < depth; level++) {
    const sibling = proof[level - (depth - proof.length)] ?? empties[level];
    const bit = depth - 1 - level;
    const right = (path[bit >> 3] >> (7 - (bit & 7))) & 1;
    hash = right ? await hashChildren(sibling, hash) : await hashChildren(hash, sibling);
  }
  return hash;
}

// Signed checkpoints. The models are warg/protocol's checkpoint.go and
// receivedcheckpoint.go.
import { concat, leb128, prefixed } from './bytes.js';
import { checkAnyHash } from './hash.js';
import * as json from './json.js';
import { CHECKPOINT, parseSignature } from './keys.js';

const anyHash = (value) => checkAnyHash(json.asText(value));

// readCheckpoint reads {"contents", "keyId", "signature"}. Lengths and times are BigInts.
export function readCheckpoint(value) {
  const { contents, keyId, signature } = json.fields(
    value,
    {
      contents: json.required((inner) =>
        json.fields(inner, {
          logRoot: json.required(anyHash),
          logLength: json.required(json.asUint64),
          mapRoot: json.required(anyHash),
          timestamp: json.required(json.asUint64),
        }),
      ),
      keyId: json.required(json.asText),
      signature: json.required((inner) => parseSignature(json.asText(inner))),
    },
    true,
  );
  return { ...contents, keyId, signature };
}

// parseCheckpoint reads a checkpoint's JSON.
export function parseCheckpoint(text) {
  return readCheckpoint(json.parse(text));
}

// checkpointText writes a checkpoint as parseCheckpoint reads it.
export function checkpointText({ logRoot, logLength, mapRoot, timestamp, keyId, signature }) {
  return (
    `{"contents":{"logRoot":"${logRoot}","logLength":${logLength},"mapRoot":"${mapRoot}","timestamp":${timestamp}},` +
    `"keyId":${JSON.stringify(keyId)},"signature":"${signature.text}"}`
  );
}

// encodeCheckpoint is a checkpoint without its time: the entry of the checkpoints log.
export function encodeCheckpoint({ logRoot, logLength, mapRoot }) {
  return concat('WARG-CHECKPOINT-V0', leb128(logLength), prefixed(logRoot), prefixed(mapRoot));
}

// encodeTimestamped is what is signed.
export function encodeTimestamped({ logRoot, logLength, mapRoot, timestamp }) {
  return concat('WARG-TIMESTAMPED-CHECKPOINT-V0', leb128(logLength), prefixed(logRoot), prefixed(mapRoot), leb128(timestamp));
}

// isSignedBy tells whether a checkpoint's signature is by a key. It does not look at keyId.
export function isSignedBy(checkpoint, key) {
  return key.verify(CHECKPOINT, encodeTimestamped(checkpoint), checkpoint.signature);
}

// sameRoots tells whether two checkpoints of one length say the same.
export function sameRoots(a, b) {
  return a.logRoot === b.logRoot && a.mapRoot === b.mapRoot;
}

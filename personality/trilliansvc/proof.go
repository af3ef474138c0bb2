package trilliansvc

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/trillian"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ErrBeyondLog says that a proof was asked for a size that the log has not reached.
var ErrBeyondLog = errors.New("the log is smaller than that")

// InclusionProof proves leaf index within the log of size leaves (RFC 6962
// section 2.1.1; the hashes have 32 bytes each, from the leaf upwards). For
// index 0 of size 1 it is empty. A size that the log has not reached is
// [ErrBeyondLog].
func (l *Log) InclusionProof(ctx context.Context, index, size uint64) ([][]byte, error) {
	resp, err := l.service.log.GetInclusionProof(ctx, &trillian.GetInclusionProofRequest{
		LogId: l.id, LeafIndex: int64(index), TreeSize: int64(size),
	})
	if err == nil && resp.GetProof() == nil {
		err = ErrBeyondLog
	}
	if err != nil {
		return nil, l.failed(fmt.Sprintf("inclusion proof of leaf %d in size %d", index, size), err)
	}
	return resp.Proof.Hashes, nil
}

// ConsistencyProof proves that the log of size to begins with the log of size
// from (RFC 6962 section 2.1.2), from ≤ to. It is empty if from is 0 or to. A
// size that the log has not reached is [ErrBeyondLog].
func (l *Log) ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error) {
	if from == 0 {
		return nil, nil // the empty log begins every log, and Trillian does not prove it
	}
	resp, err := l.service.log.GetConsistencyProof(ctx, &trillian.GetConsistencyProofRequest{
		LogId: l.id, FirstTreeSize: int64(from), SecondTreeSize: int64(to),
	})
	if err == nil && resp.GetProof() == nil {
		err = ErrBeyondLog
	}
	if err != nil {
		return nil, l.failed(fmt.Sprintf("consistency proof from size %d to %d", from, to), err)
	}
	return resp.Proof.Hashes, nil
}

// IndexOf returns the index of the leaf with that Merkle leaf hash (RFC 6962:
// SHA-256 of a zero byte and the leaf's value) among the first size leaves, or
// false.
func (l *Log) IndexOf(ctx context.Context, leafHash protocol.Hash, size uint64) (uint64, bool, error) {
	if size == 0 {
		return 0, false, nil
	}
	resp, err := l.service.log.GetInclusionProofByHash(ctx, &trillian.GetInclusionProofByHashRequest{
		LogId: l.id, LeafHash: leafHash[:], TreeSize: int64(size), OrderBySequence: true,
	})
	if status.Code(err) == codes.NotFound {
		return 0, false, nil
	}
	if err == nil && len(resp.Proof) == 0 {
		err = errors.New("the answer has no proof")
	}
	if err != nil {
		return 0, false, l.failed(fmt.Sprintf("looking up leaf hash %v in size %d", leafHash, size), err)
	}
	return uint64(resp.Proof[0].LeafIndex), true, nil
}

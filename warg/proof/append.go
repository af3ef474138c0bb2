package proof

import (
	"math/bits"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RootBehind returns the root of the log of from leaves with one leaf behind them. The
// bundle holds the balanced roots of the log of from leaves, as one that proves
// consistency from there does; they are not verified here. If the root that is returned
// is proved to be that of a log's first from+1 leaves, then the leaf is the one at index
// from of that log.
//
// Errors: [ErrRange] when from is 0 or from+1 is beyond [MaxLogLength], [ErrMissingHash].
func (b LogBundle) RootBehind(from uint64, leaf protocol.Hash) (protocol.Hash, error) {
	if from == 0 || from >= MaxLogLength {
		return protocol.Hash{}, ErrRange
	}
	roots := make([]protocol.Hash, 0, bits.OnesCount64(from)+1)
	for _, at := range balancedRootNodes(from) {
		hash, err := b.hashOf(at)
		if err != nil {
			return protocol.Hash{}, err
		}
		roots = append(roots, hash)
	}
	// The leaf joins the balanced roots that it completes: one for each one at the end of
	// the length in binary.
	for range bits.TrailingZeros64(^from) {
		last := len(roots) - 1
		leaf = HashChildren(&roots[last], &leaf)
		roots = roots[:last]
	}
	return RootOf(append(roots, leaf)), nil
}

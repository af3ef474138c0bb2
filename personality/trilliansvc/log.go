package trilliansvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/types"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// queueConcurrency is how many leaves one Queue call has under way. The
	// server commits what is under way together, so that each leaf does not cost
	// a disk sync of its own.
	queueConcurrency = 64
	// leavesPage is how many leaves one call asks for. A page that does not fit
	// into a message is asked for again in halves.
	leavesPage = 512
)

// ErrConflict says that the log has another leaf with the same identity hash,
// which somebody else must have put there.
var ErrConflict = errors.New("the log has another leaf with that identity hash")

// Log is one LOG tree. Each value is in it once: the identity hash of a leaf is
// the SHA-256 of its value. It is a [follow.Source], and what it says is to be
// verified like that of any other.
type Log struct {
	service *Service
	id      int64
}

// ID returns the Trillian tree id, greater than 0.
func (l *Log) ID() int64 { return l.id }

// Queue queues leaves, whose Index is ignored, and returns when all of them are on
// Trillian's disk. Values may not be empty.
//
// A leaf whose value is there already, queued or integrated, is a success, so Queue
// may be repeated; the extra data of the first one stays. On an error some of the
// leaves may be queued.
//
// Order: every leaf of a Queue call comes before every leaf of a Queue call that
// began after the first had returned (remote: as long as there is one log server
// and its clock does not step back). The leaves of one call, and of calls at the
// same time, come in any order.
func (l *Log) Queue(ctx context.Context, leaves []follow.Leaf) error {
	if len(leaves) == 1 {
		return l.queueOne(ctx, &leaves[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for range min(queueConcurrency, len(leaves)) {
		group.Go(func() error {
			for i := taken.Add(1) - 1; i < int64(len(leaves)); i = taken.Add(1) - 1 {
				if err := l.queueOne(ctx, &leaves[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (l *Log) queueOne(ctx context.Context, leaf *follow.Leaf) error {
	identity := protocol.HashOf(leaf.Value)
	resp, err := l.service.log.QueueLeaf(ctx, &trillian.QueueLeafRequest{
		LogId: l.id,
		Leaf: &trillian.LogLeaf{
			LeafValue:        leaf.Value,
			ExtraData:        leaf.ExtraData,
			LeafIdentityHash: identity[:],
		},
	})
	if err != nil {
		return l.failed(fmt.Sprintf("queueing leaf %v", identity), err)
	}
	queued := resp.GetQueuedLeaf()
	switch st := status.FromProto(queued.GetStatus()); st.Code() {
	case codes.OK:
		return nil
	case codes.AlreadyExists:
		if !bytes.Equal(queued.GetLeaf().GetLeafValue(), leaf.Value) {
			return l.failed(fmt.Sprintf("queueing leaf %v", identity), ErrConflict)
		}
		return nil
	default:
		return l.failed(fmt.Sprintf("queueing leaf %v", identity), st.Err())
	}
}

// Integrate integrates what has been queued: embedded, every leaf whose Queue call
// has returned is in [Log.Root] when Integrate returns, and other logs are not
// touched. Remote, it does nothing: the signer there works by itself.
func (l *Log) Integrate(ctx context.Context) error {
	if l.service.embedded == nil {
		return nil
	}
	if err := l.service.embedded.integrate(ctx, l.id); err != nil {
		return l.failed("integrating queued leaves", err)
	}
	return nil
}

// Root returns the latest root.
func (l *Log) Root(ctx context.Context) (follow.Root, error) {
	root, _, err := l.latestRoot(ctx)
	return root, err
}

// latestRoot returns the latest root and when the signer made it.
func (l *Log) latestRoot(ctx context.Context) (follow.Root, time.Time, error) {
	resp, err := l.service.log.GetLatestSignedLogRoot(ctx, &trillian.GetLatestSignedLogRootRequest{LogId: l.id})
	if err != nil {
		return follow.Root{}, time.Time{}, l.failed("reading the latest root", err)
	}
	root, made, err := parseRoot(resp.GetSignedLogRoot())
	if err != nil {
		return follow.Root{}, time.Time{}, l.failed("reading the latest root", err)
	}
	return root, made, nil
}

func parseRoot(signed *trillian.SignedLogRoot) (follow.Root, time.Time, error) {
	var v1 types.LogRootV1
	if err := v1.UnmarshalBinary(signed.GetLogRoot()); err != nil {
		return follow.Root{}, time.Time{}, fmt.Errorf("malformed log root: %w", err)
	}
	if len(v1.RootHash) != protocol.HashSize {
		return follow.Root{}, time.Time{}, fmt.Errorf("root hash has %d bytes, want %d", len(v1.RootHash), protocol.HashSize)
	}
	return follow.Root{Size: v1.TreeSize, Hash: protocol.Hash(v1.RootHash)}, time.Unix(0, int64(v1.TimestampNanos)), nil
}

// Leaves returns up to count integrated leaves from index start on, consecutive
// and in order. It returns fewer only where the log ends, and none if start is
// its size or more. A leaf in another place, or with another identity hash than
// that of its value, is a [*follow.InconsistentError].
func (l *Log) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	var leaves []follow.Leaf
	for page := leavesPage; len(leaves) < count; {
		from := start + uint64(len(leaves))
		got, size, err := l.leavesPage(ctx, from, min(page, count-len(leaves)))
		if tooLarge(err) && page > 1 {
			page /= 2
			continue
		}
		if err != nil {
			return nil, l.failed(fmt.Sprintf("reading leaves from index %d", from), err)
		}
		leaves = append(leaves, got...)
		if start+uint64(len(leaves)) >= size {
			break
		}
	}
	return leaves, nil
}

// leavesPage returns between one and count leaves, or none beyond the end, and
// the size of the log as of the answer.
func (l *Log) leavesPage(ctx context.Context, from uint64, count int) ([]follow.Leaf, uint64, error) {
	resp, err := l.service.log.GetLeavesByRange(ctx, &trillian.GetLeavesByRangeRequest{
		LogId: l.id, StartIndex: int64(from), Count: int64(count),
	})
	if err != nil {
		return nil, 0, err
	}
	root, _, err := parseRoot(resp.GetSignedLogRoot())
	if err != nil {
		return nil, 0, err
	}
	if len(resp.Leaves) > count || len(resp.Leaves) == 0 && from < root.Size {
		return nil, 0, fmt.Errorf("asked for %d leaves of a log of size %d, got %d", count, root.Size, len(resp.Leaves))
	}
	leaves := make([]follow.Leaf, len(resp.Leaves))
	for i, leaf := range resp.Leaves {
		if leaves[i], err = readLeaf(leaf, from+uint64(i)); err != nil {
			return nil, 0, err
		}
	}
	return leaves, root.Size, nil
}

// readLeaf reads the leaf that stands at an index.
func readLeaf(leaf *trillian.LogLeaf, index uint64) (follow.Leaf, error) {
	wrong := func(format string, args ...any) (follow.Leaf, error) {
		return follow.Leaf{}, &follow.InconsistentError{Size: index, Err: fmt.Errorf(format, args...)}
	}
	if leaf.LeafIndex != int64(index) {
		return wrong("got leaf %d where leaf %d should be", leaf.LeafIndex, index)
	}
	if identity := protocol.HashOf(leaf.LeafValue); !bytes.Equal(leaf.LeafIdentityHash, identity[:]) {
		return wrong("leaf %d has the identity hash %x, not that of its value, %s", index, leaf.LeafIdentityHash, identity)
	}
	return follow.Leaf{Index: index, Value: leaf.LeafValue, ExtraData: leaf.ExtraData}, nil
}

// failed says which log and what was asked of it. The error has a method
// Unavailable() bool, which tells whether the log server is away.
func (l *Log) failed(doing string, err error) error {
	return &callError{tree: l.id, doing: doing, cause: err}
}

package trillian

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MeasureSequencing returns how many leaves per second a log sequences: leaves
// random values of size bytes (32 or more) are queued, concurrency of them at a
// time, and the time taken is from the first Queue until the root covers the
// last. Nobody else may write to the log meanwhile.
func MeasureSequencing(ctx context.Context, log *trilliansvc.Log, leaves, size, concurrency int) (perSecond float64, err error) {
	if size < protocol.HashSize {
		return 0, fmt.Errorf("leaves of %d bytes would not differ: use %d or more", size, protocol.HashSize)
	}
	before, err := log.Root(ctx)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for range leaves {
		group.Go(func() error {
			value := make([]byte, size)
			rand.Read(value)
			return log.Queue(groupCtx, []follow.Leaf{{Value: value}})
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	for {
		root, err := log.Root(ctx)
		if err != nil {
			return 0, err
		}
		if root.Size >= before.Size+uint64(leaves) {
			return float64(leaves) / time.Since(begin).Seconds(), nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d leaves were sequenced; does the signer run? %w", root.Size-before.Size, leaves, ctx.Err())
		}
	}
}

package trilliansvc

import (
	"context"
	"time"

	"github.com/google/trillian"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RootTime returns when the signer made the latest root.
func (l *Log) RootTime(ctx context.Context) (time.Time, error) {
	_, made, err := l.latestRoot(ctx)
	return made, err
}

// QueueAs queues a leaf as somebody else may do, under any identity hash.
func (l *Log) QueueAs(ctx context.Context, value []byte, identity protocol.Hash) error {
	_, err := l.service.log.QueueLeaf(ctx, &trillian.QueueLeafRequest{
		LogId: l.id, Leaf: &trillian.LogLeaf{LeafValue: value, LeafIdentityHash: identity[:]},
	})
	return err
}

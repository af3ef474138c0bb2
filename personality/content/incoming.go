package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Incoming is content that a client put into the bucket itself, for a record. Nothing
// is known of its bytes.
type Incoming struct {
	LogID, RecordID, Digest protocol.Hash
	Size                    int64 // bytes
}

// UploadURL is a URL that the content may be put to with HTTP PUT, for a while. Each
// record has its own, so that nobody puts something over what others have put.
func (b *Bucket) UploadURL(ctx context.Context, logID, recordID, digest protocol.Hash, valid time.Duration) (string, error) {
	return b.objects.Sign(ctx, http.MethodPut, incomingKey(logID, recordID, digest), valid)
}

// Incoming calls each for what clients have put into the bucket, until one call fails.
func (b *Bucket) Incoming(ctx context.Context, each func(Incoming) error) error {
	return b.objects.List(ctx, incomingPrefix, func(o Object) error {
		if i, ok := parseIncoming(o); ok {
			return each(i)
		}
		return nil
	})
}

// OpenIncoming opens it to be stored, or not, with [Bucket.Put]. It fails with
// [ErrNotFound] if another process has dealt with it.
func (b *Bucket) OpenIncoming(ctx context.Context, i Incoming) (io.ReadCloser, error) {
	r, err := b.objects.Read(ctx, incomingKey(i.LogID, i.RecordID, i.Digest), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("incoming content %s: %w", i.Digest, ErrNotFound)
	}
	return r, err
}

// RemoveIncoming removes it, once it was dealt with.
func (b *Bucket) RemoveIncoming(ctx context.Context, i Incoming) error {
	return b.objects.Remove(ctx, incomingKey(i.LogID, i.RecordID, i.Digest))
}

func incomingKey(logID, recordID, digest protocol.Hash) string {
	return incomingPrefix + fileName(logID) + "/" + fileName(recordID) + "/" + fileName(digest)
}

func parseIncoming(o Object) (i Incoming, ok bool) {
	parts := strings.Split(strings.TrimPrefix(o.Key, incomingPrefix), "/")
	if len(parts) != 3 {
		return i, false
	}
	i.Size = o.Size
	for n, to := range []*protocol.Hash{&i.LogID, &i.RecordID, &i.Digest} {
		if *to, ok = digestOf(parts[n]); !ok {
			return i, false
		}
	}
	return i, true
}

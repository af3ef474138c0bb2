package content

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The folders of a bucket. What is in content/ is whole, has its digest and was
// allowed; names there are those that the HTTP API has, so that another server can hand
// them out.
const (
	contentPrefix  = "content/"   // sha256-<64 hex digits>
	incomingPrefix = "incoming/"  // <log id>/<record id>/sha256-<digest>, put by a client
	heldPrefix     = "held/"      // sha256-<digest>.<minute>: held in that minute; empty
	asidePrefixKey = "collected/" // sha256-<digest>.<random>: a copy, while it is collected
	probePrefix    = "probe/"     // <random>: written, read and removed
)

// probeEach is how long a probe that went well stands for others: each costs four
// requests, and who asks may ask often.
const probeEach = 5 * time.Second

// Bucket stores contents in a bucket, each under its digest. Uploads pass through a
// file of this machine, where they are checked. Several goroutines and processes may use
// the same bucket at once; nothing else may remove from it.
type Bucket struct {
	objects Objects
	spool   *Folder // for what is not known to be good; nothing is stored in it
	signed  time.Duration

	mu     sync.Mutex // guards probed
	probed time.Time  // when a probe last went well
}

// BucketOptions are the settings of a [Bucket].
type BucketOptions struct {
	// Signed is how long signed URLs are valid.
	Signed time.Duration
}

// OpenBucket returns the store in a bucket, with a folder for uploads under way, whose
// limits hold for the bucket's contents. It fails if nothing can be written to the
// bucket, but not for lack of space here: what is stored can still be served.
func OpenBucket(ctx context.Context, objects Objects, spool *Folder, o BucketOptions) (*Bucket, error) {
	b := &Bucket{objects: objects, spool: spool, signed: o.Signed}
	if err := b.Probe(ctx); err != nil && !full(err) {
		return nil, err
	}
	return b, nil
}

// Has reports whether content with the digest is stored; see [Folder.Has].
func (b *Bucket) Has(ctx context.Context, digest protocol.Hash) (bool, error) {
	_, found, err := b.look(ctx, digest)
	return found, err
}

func (b *Bucket) look(ctx context.Context, digest protocol.Hash) (Object, bool, error) {
	o, err := b.objects.Stat(ctx, contentKey(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, fmt.Errorf("looking for content %s: %w", digest, err)
	}
	return o, canBe(digest, o.Size), nil
}

// Hold is [Folder.Hold], for a bucket.
func (b *Bucket) Hold(ctx context.Context, digest protocol.Hash) (bool, error) {
	o, found, err := b.look(ctx, digest)
	if err != nil || !found || time.Since(o.ModTime) < holdAge {
		return found, err
	}
	if err := b.mark(ctx, digest); err != nil {
		return false, fmt.Errorf("holding content %s: %w", digest, err)
	}
	// Only content that is still there says that it was held before it was collected.
	_, found, err = b.look(ctx, digest)
	return found, err
}

// putTries is how often content is written that is not there then: a collection that was
// about to remove what was there may have removed it, and puts it back.
const putTries = 3

// Put is [Folder.Put], for a bucket.
func (b *Bucket) Put(ctx context.Context, digest protocol.Hash, r io.Reader, check Check) (size int64, err error) {
	tmp, size, err := b.spool.take(ctx, digest, r, check)
	if err != nil {
		return 0, err
	}
	defer b.spool.drop(tmp)
	if err := b.markIfCollected(ctx, digest); err != nil {
		return 0, fmt.Errorf("storing content %s: %w", digest, err)
	}
	for try := 1; ; try++ {
		if err := b.objects.Write(ctx, contentKey(digest), io.NewSectionReader(tmp, 0, size)); err != nil {
			return 0, fmt.Errorf("storing content %s: %w", digest, err)
		}
		// The bucket's word for it: what it did not keep whole is no content.
		o, found, err := b.look(ctx, digest)
		switch {
		case err != nil:
			return 0, err
		case found && o.Size == size:
			return size, nil
		case found || try == putTries:
			return 0, b.lies(fmt.Errorf("it says that content %s was stored, and has %d bytes of %d", digest, o.Size, size))
		}
	}
}

// Open opens the content with the digest, or fails with [ErrNotFound]. Reading all of it
// from the beginning ends with a [*DamagedError] in the place of the last bytes if they
// are others than those of the digest. It reads until ctx ends.
func (b *Bucket) Open(ctx context.Context, digest protocol.Hash) (Content, error) {
	o, found, err := b.look(ctx, digest)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("content %s: %w", digest, ErrNotFound)
	}
	return newObjectReader(ctx, b.objects, digest, o), nil
}

// Probe finds out whether content can be stored now: on the way, and in the bucket. It
// fails with a [*NoSpaceError] or an [*UnavailableError] if not.
func (b *Bucket) Probe(ctx context.Context) error {
	if err := b.spool.Probe(ctx); err != nil {
		return err
	}
	if b.probedSince(time.Now().Add(-probeEach)) {
		return nil
	}
	if err := b.probe(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probed = time.Now()
	return nil
}

// probe writes an object of its own, reads it back and removes it. What answers to
// everything with success, such as another web server at the address of the bucket, says
// otherwise that it has all content.
func (b *Bucket) probe(ctx context.Context) (err error) {
	text := rand.Text()
	key := probePrefix + text
	if err := b.objects.Write(ctx, key, strings.NewReader(text)); err != nil {
		return err
	}
	read, err := b.readProbe(ctx, key)
	if removed := b.objects.Remove(ctx, key); err == nil {
		err = removed
	}
	if err == nil && read != text {
		err = b.lies(errors.New("what was written as a test was read back as something else, or not at all"))
	}
	if err != nil {
		return err
	}
	if _, err := b.objects.Stat(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, b.lies(errors.New("what was written as a test is there after it was removed")))
	}
	return nil
}

// readProbe reads what probe has written; "" if it is not there.
func (b *Bucket) readProbe(ctx context.Context, key string) (string, error) {
	r, err := b.objects.Read(ctx, key, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 1<<10))
	return string(text), err
}

// lies is the error of a bucket that did not do what it said.
func (b *Bucket) lies(err error) error {
	return &UnavailableError{Bucket: b.objects.Name(), State: "does not keep what it is given", Err: err}
}

func (b *Bucket) probedSince(then time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.probed.After(then)
}

// DownloadURL is a URL that content may be fetched from with GET, for a while.
func (b *Bucket) DownloadURL(ctx context.Context, digest protocol.Hash) (string, error) {
	return b.objects.Sign(ctx, http.MethodGet, contentKey(digest), b.signed)
}

// Close ends the use of the bucket.
func (b *Bucket) Close() error { return b.objects.Close() }

func contentKey(digest protocol.Hash) string { return contentPrefix + fileName(digest) }

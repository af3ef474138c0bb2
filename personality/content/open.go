package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Policy says which content may be kept.
type Policy string

// The policies.
const (
	PolicyWasm Policy = "wasm" // valid WebAssembly modules and components
	PolicyNone Policy = "none" // anything
)

// Options say where contents are kept, and which.
type Options struct {
	// Dir is the folder; made if missing. Several processes may share it. Not used if
	// there is a bucket.
	Dir string
	// BucketURL is the bucket, such as s3://bucket; empty: a folder. Several processes
	// may share it.
	BucketURL string
	// OpenObjects opens the bucket.
	OpenObjects func(context.Context, ObjectOptions) (Objects, error)
	// BucketTimeout is how long the bucket may be silent.
	BucketTimeout time.Duration
	// SpoolDir is the folder for uploads on their way to the bucket, of this process
	// alone; made if missing.
	SpoolDir string
	// Direct lets clients put content into the bucket themselves.
	Direct bool
	// Redirect sends those who fetch content from here to the bucket.
	Redirect bool
	// Policy is which content may be kept.
	Policy Policy
	// MaxSize is the size of the largest content, in bytes; 0: no limit.
	MaxSize int64
	// MinFreeSpace is how much of the disk has to stay free, in bytes: uploads
	// that begin below it are refused; 0: no limit.
	MinFreeSpace int64
	// Private makes files and folders that only their owner can read.
	Private bool
	// CacheDir is where the compiled validator is kept for the next start; empty:
	// nowhere. The machine code in it is trusted.
	CacheDir string
}

// signedTime is how long a URL is valid by which a client may fetch content.
const signedTime = 15 * time.Minute

// Store is where contents are kept: a [Folder], or a [Bucket].
type Store interface {
	Has(ctx context.Context, digest protocol.Hash) (bool, error)
	Hold(ctx context.Context, digest protocol.Hash) (bool, error)
	Open(ctx context.Context, digest protocol.Hash) (Content, error)
	Put(ctx context.Context, digest protocol.Hash, r io.Reader, check Check) (size int64, err error)
	Probe(ctx context.Context) error
	SweepUploads(ctx context.Context, olderThan time.Duration) (removed int, err error)
	Collect(ctx context.Context, olderThan time.Duration, named Named) (removed int, err error)
}

// Contents are what [Open] opened.
type Contents struct {
	Store
	Check  Check   // what the policy says; nil: all may be kept
	Bucket *Bucket // the store, if it is one
	// Wasm is the policy, which also describes contents; nil: all may be kept.
	Wasm *WasmPolicy
}

// Open opens the folder or bucket and prepares the policy. To be closed.
func Open(ctx context.Context, o Options) (*Contents, error) {
	c, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	switch o.Policy {
	case PolicyNone:
		return c, nil
	case PolicyWasm:
		if c.Wasm, err = NewWasmPolicy(ctx, o.CacheDir); err == nil {
			c.Check = c.Wasm.Check
			return c, nil
		}
		err = fmt.Errorf("start the WebAssembly content policy: %w", err)
	default:
		err = fmt.Errorf("there is no content policy %q", o.Policy)
	}
	return nil, errors.Join(err, c.Close())
}

func openStore(ctx context.Context, o Options) (*Contents, error) {
	limits := FolderOptions{MaxSize: o.MaxSize, MinFree: o.MinFreeSpace, Private: o.Private}
	if o.BucketURL == "" {
		folder, err := OpenFolder(o.Dir, limits)
		return &Contents{Store: folder}, err
	}
	spool, err := OpenFolder(o.SpoolDir, limits)
	if err != nil {
		return nil, err
	}
	caching := "public, max-age=31536000, immutable"
	if o.Private {
		caching = "private, max-age=31536000, immutable"
	}
	objects, err := o.OpenObjects(ctx, ObjectOptions{URL: o.BucketURL, Timeout: o.BucketTimeout, CacheControl: caching})
	if err != nil {
		return nil, fmt.Errorf("open the content bucket: %w", err)
	}
	bucket, err := OpenBucket(ctx, objects, spool, BucketOptions{Signed: signedTime})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the content bucket: %w", err), objects.Close())
	}
	return &Contents{Store: bucket, Bucket: bucket}, nil
}

// Close ends the policy, waits for the checks under way, and leaves the bucket.
func (c *Contents) Close() error {
	var errs []error
	if c.Wasm != nil {
		errs = append(errs, c.Wasm.Close(context.Background()))
	}
	if c.Bucket != nil {
		errs = append(errs, c.Bucket.Close())
	}
	return errors.Join(errs...)
}

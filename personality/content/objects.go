package content

import (
	"context"
	"io"
	"time"
)

// Objects is what is asked of a bucket: whole objects under keys. What is written, or
// removed, everybody sees from then on. Its methods may be called concurrently, end
// when the bucket is silent for long, and fail with a [*UnavailableError] if it is not
// in order; that there is no such object is [io/fs.ErrNotExist].
type Objects interface {
	// Name is its URL, without what may be secret.
	Name() string
	// Stat says what an object is.
	Stat(ctx context.Context, key string) (Object, error)
	// Read reads an object from an offset in bytes on. The caller closes it.
	Read(ctx context.Context, key string, offset int64) (io.ReadCloser, error)
	// Write makes an object of what r gives, or none, or leaves the one that was there.
	Write(ctx context.Context, key string, r io.Reader) error
	// Copy makes an object of another one, as it is at one moment.
	Copy(ctx context.Context, to, from string) error
	// Remove removes an object, if it is there.
	Remove(ctx context.Context, key string) error
	// List calls each for every object whose key begins with prefix, in the order of
	// keys, until one call fails.
	List(ctx context.Context, prefix string, each func(Object) error) error
	// Sign returns a URL by which whoever has it may GET or PUT an object for a while.
	Sign(ctx context.Context, method, key string, valid time.Duration) (string, error)
	Close() error
}

// Object is what is known of an object without reading it.
type Object struct {
	Key     string
	Size    int64     // bytes
	ModTime time.Time // when it was written, by the clock of the bucket
}

// ObjectOptions are how [Options.OpenObjects] opens a bucket.
type ObjectOptions struct {
	URL string // such as s3://bucket?region=eu-central-1&prefix=warg/
	// Timeout is how long the bucket may be silent, in one request.
	Timeout time.Duration
	// CacheControl is said of all objects.
	CacheControl string
}

// Package objects opens buckets, as package content asks for them: of S3 and what speaks
// as it does, of Google Cloud Storage, and of Azure Blob Storage. All that is known of
// these is here.
//
// Credentials are never in a URL of a setting: each kind of bucket takes them from where
// its own tools do (environment, files, the machine's identity).
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/gcsblob"     // gs://
	"gocloud.dev/blob/s3blob"      // s3://
	"gocloud.dev/gcerrors"

	"github.com/warg-trillian/warg-trillian/personality/content"
)

// contentType is said of all objects: to what serves them, contents are that.
const contentType = "application/wasm"

// Bucket is a [content.Objects].
type Bucket struct {
	bucket       *blob.Bucket
	name         string // the URL, without its parameters but the prefix
	scheme       string
	cacheControl string
	timeout      time.Duration
}

// Open returns the bucket at a URL: s3://, gs:// or azblob:// with the name of the
// bucket, and parameters that the packages of gocloud.dev/blob document, among them
// prefix, below which all keys are. It does not ask the bucket for anything.
func Open(ctx context.Context, o content.ObjectOptions) (content.Objects, error) {
	parsed, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("the URL of the content bucket cannot be parsed")
	}
	b := &Bucket{name: bucketName(parsed), scheme: parsed.Scheme, cacheControl: o.CacheControl, timeout: o.Timeout}
	if parsed.User != nil {
		return nil, fmt.Errorf("%s: put no credentials into the URL of the content bucket; set the environment variables of its provider", b.name)
	}
	if b.bucket, err = openBucket(ctx, parsed); err != nil {
		return nil, fmt.Errorf("%s: %s", b.name, redact(err))
	}
	return b, nil
}

// openBucket opens it, below its prefix.
func openBucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	switch u.Scheme {
	case gcsblob.Scheme:
		return openGCS(ctx, u)
	case s3blob.Scheme:
		u = quietS3(u)
	}
	return blob.DefaultURLMux().OpenBucketURL(ctx, u)
}

func bucketName(u *url.URL) string {
	name := u.Scheme + "://" + u.Host
	if prefix := u.Query().Get("prefix"); prefix != "" {
		name += "/" + strings.Trim(prefix, "/")
	}
	return name
}

// Name implements [content.Objects].
func (b *Bucket) Name() string { return b.name }

// Close implements [content.Objects].
func (b *Bucket) Close() error { return b.bucket.Close() }

// Stat implements [content.Objects].
func (b *Bucket) Stat(ctx context.Context, key string) (content.Object, error) {
	w := b.watch(ctx)
	defer w.end()
	a, err := b.bucket.Attributes(w.ctx, key)
	if err != nil {
		return content.Object{}, w.object(err, key)
	}
	return content.Object{Key: key, Size: a.Size, ModTime: a.ModTime}, nil
}

// Read implements [content.Objects].
func (b *Bucket) Read(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	w := b.watch(ctx)
	r, err := b.bucket.NewRangeReader(w.ctx, key, offset, -1, nil)
	if err != nil {
		defer w.end()
		return nil, w.object(err, key)
	}
	w.pause()
	return &reading{r, w, key}, nil
}

// reading is an object that is being read.
type reading struct {
	*blob.Reader
	watch *watch
	key   string
}

func (r *reading) Read(p []byte) (int, error) {
	r.watch.moved()
	defer r.watch.pause()
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = r.watch.object(err, r.key)
	}
	return n, err
}

func (r *reading) Close() error {
	defer r.watch.end()
	return r.Reader.Close()
}

// Write implements [content.Objects].
func (b *Bucket) Write(ctx context.Context, key string, r io.Reader) error {
	w := b.watch(ctx)
	defer w.end()
	source := &watchedReader{r: r, watch: w}
	err := b.bucket.Upload(w.ctx, key, source, b.uploadOptions(r))
	if source.err != nil {
		return source.err
	}
	return w.bucket(err)
}

// watchedReader tells its watch when it is read. It remembers its error.
type watchedReader struct {
	r     io.Reader
	watch *watch
	err   error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watch.moved()
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// Copy implements [content.Objects].
func (b *Bucket) Copy(ctx context.Context, to, from string) error {
	w := b.watch(ctx)
	defer w.end()
	return w.object(b.bucket.Copy(w.ctx, to, from, nil), from)
}

// Remove implements [content.Objects].
func (b *Bucket) Remove(ctx context.Context, key string) error {
	w := b.watch(ctx)
	defer w.end()
	err := b.bucket.Delete(w.ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return w.bucket(err)
}

// List implements [content.Objects].
func (b *Bucket) List(ctx context.Context, prefix string, each func(content.Object) error) error {
	w := b.watch(ctx)
	defer w.end()
	for i := b.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		w.moved()
		o, err := i.Next(w.ctx)
		w.pause()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return w.bucket(err)
		}
		if err := each(content.Object{Key: o.Key, Size: o.Size, ModTime: o.ModTime}); err != nil {
			return err
		}
	}
}

// Sign implements [content.Objects].
func (b *Bucket) Sign(ctx context.Context, method, key string, valid time.Duration) (string, error) {
	w := b.watch(ctx)
	defer w.end()
	o := &blob.SignedURLOptions{Method: method, Expiry: valid}
	if b.scheme == gcsblob.Scheme {
		o.BeforeSign = signGCS
	}
	signed, err := b.bucket.SignedURL(w.ctx, key, o)
	return signed, w.bucket(err)
}

// query matches the parameters of URLs in texts: among them are signatures.
var query = regexp.MustCompile(`(://[^\s"'?]+)\?[^\s"']*`)

// redact is what an error says, without what gives access.
func redact(err error) error {
	return errors.New(query.ReplaceAllString(err.Error(), "$1?..."))
}

// object is bucket, for errors where that something is not there is about the object.
func (w *watch) object(err error, key string) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%s in %s: %w", key, w.of.name, fs.ErrNotExist)
	}
	return w.bucket(err)
}

// bucket says what is the matter with a bucket, or that nobody waits for it any more.
func (w *watch) bucket(err error) error {
	if err == nil {
		return nil
	}
	unavailable := &content.UnavailableError{Bucket: w.of.name, State: "fails", Err: redact(err)}
	code := gcerrors.Code(err)
	switch {
	case context.Cause(w.ctx) == errSilent, errors.Is(w.asked.Err(), context.DeadlineExceeded):
		unavailable.State = "does not answer"
	case w.asked.Err() != nil:
		return context.Cause(w.asked)
	case code == gcerrors.NotFound:
		unavailable.State = "does not exist"
	case code == gcerrors.PermissionDenied:
		unavailable.State = "refuses the credentials of this server"
	case code == gcerrors.ResourceExhausted:
		unavailable.State = "refuses more requests"
	}
	return unavailable
}

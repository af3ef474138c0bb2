package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// skipAtMost is how many bytes are read past, rather than asked for anew.
const skipAtMost = 256 << 10

// objectReader is a [Content] in a bucket. It asks for bytes when they are read, from
// where they are read on.
type objectReader struct {
	ctx     context.Context
	objects Objects
	digest  protocol.Hash
	object  Object

	offset int64         // where the next Read begins
	body   io.ReadCloser // nil: nothing is asked for
	at     int64         // where body is
	whole  digested
}

func newObjectReader(ctx context.Context, objects Objects, digest protocol.Hash, o Object) *objectReader {
	return &objectReader{ctx: ctx, objects: objects, digest: digest, object: o, whole: newDigested(digest, o.Size)}
}

func (r *objectReader) Size() int64        { return r.object.Size }
func (r *objectReader) ModTime() time.Time { return r.object.ModTime }

func (r *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.object.Size
	default:
		return 0, fs.ErrInvalid
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	r.offset = offset
	return offset, nil
}

// Read hands on the last bytes only if all before them were read in turn and they have
// the digest together, or if some were left out: a part is what it is.
func (r *objectReader) Read(p []byte) (int, error) {
	if r.offset >= r.object.Size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.seekBody(); err != nil {
		return 0, err
	}
	p = p[:min(int64(len(p)), r.object.Size-r.offset)]
	n, err := r.body.Read(p)
	r.at += int64(n)
	if err == io.EOF {
		err = nil
		if r.at < r.object.Size {
			err = r.whole.endsAfter(r.at)
		}
	}
	if damage := r.whole.read(r.offset, p[:n]); damage != nil {
		return 0, damage
	}
	r.offset += int64(n)
	return n, err
}

// seekBody brings body to the offset.
func (r *objectReader) seekBody() error {
	if r.body != nil && r.at < r.offset && r.offset-r.at <= skipAtMost {
		n, err := io.CopyN(io.Discard, r.body, r.offset-r.at)
		if r.at += n; err != nil && err != io.EOF {
			return err
		}
	}
	if r.body != nil && r.at == r.offset {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	body, err := r.objects.Read(r.ctx, r.object.Key, r.offset)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("content %s was removed while it was read: %w", r.digest, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("reading content %s: %w", r.digest, err)
	}
	r.body, r.at = body, r.offset
	return nil
}

func (r *objectReader) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}

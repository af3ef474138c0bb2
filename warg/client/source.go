package client

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content is content to upload: bytes that can be read again and again, so that
// an upload that failed can be made again.
type Content struct {
	Digest protocol.Hash
	Size   int64 // bytes
	// Open returns the content from its beginning. It may be called while what
	// it returned earlier was not closed yet.
	Open func() (io.ReadCloser, error)
}

// NewContent reads what open returns once, for the digest and the size.
func NewContent(open func() (io.ReadCloser, error)) (Content, error) {
	r, err := open()
	if err != nil {
		return Content{}, err
	}
	defer r.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, r)
	if err != nil {
		return Content{}, fmt.Errorf("read the content: %w", err)
	}
	return Content{Digest: protocol.Hash(hash.Sum(nil)), Size: size, Open: open}, nil
}

// ContentOfFile returns the content of a file, which is opened as often as it is
// read. A file that changes meanwhile is refused by the registry.
func ContentOfFile(path string) (Content, error) {
	return NewContent(func() (io.ReadCloser, error) { return os.Open(path) })
}

// ContentOfBytes returns data as content. It must not change afterwards.
func ContentOfBytes(data []byte) Content {
	return Content{
		Digest: protocol.HashOf(data), Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// ContentOf returns all that r has, from its beginning, as content. r must not
// be used otherwise while the content is.
func ContentOf(r io.ReadSeeker) (Content, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Content{}, err
	}
	shared := &sharedSeeker{r: r}
	return NewContent(func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(shared, 0, size)), nil
	})
}

// sharedSeeker lets several readers read from one seeker: a request that failed
// may still read its body while the next one does.
type sharedSeeker struct {
	mu sync.Mutex
	r  io.ReadSeeker // under mu
}

func (s *sharedSeeker) ReadAt(p []byte, offset int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.r.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.r, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

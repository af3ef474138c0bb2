package client

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content is content to publish: bytes to upload, which can be read again and again so that
// an upload that failed can be made again, or places where the registry fetches it.
type Content struct {
	Digest protocol.Hash
	Size   int64 // bytes; 0 without Open
	// Open returns the content from its beginning. It may be called while what
	// it returned earlier was not closed yet. Nil: it is not here, and is not uploaded.
	Open func() (io.ReadCloser, error)
	// Sources are http and https URLs from which the registry is asked to get it before
	// anything is uploaded: see [CheckSource]. Many registries refuse them, with status 501.
	Sources []string
}

// CheckSource returns why a URL can not be a source of content: it is not an absolute one of
// http or https, or has a user name or password, which everybody would see. What else a
// registry demands it says itself.
func CheckSource(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is not an http or https URL", text)
	case u.User != nil:
		return errors.New("the URL of a content source has a user name or password: registries take none")
	}
	return nil
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

package discovery

import (
	"io"
	"sync"
)

// readerAt reads a content at any place.
func readerAt(content io.ReadSeeker) io.ReaderAt {
	if at, ok := content.(io.ReaderAt); ok {
		return at
	}
	return &seeking{content: content}
}

// seeking is a ReaderAt of what can only be read from where it is: of a bucket.
type seeking struct {
	mu      sync.Mutex
	content io.ReadSeeker // guarded by mu
}

func (s *seeking) ReadAt(b []byte, offset int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.content.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.content, b)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

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
	return &seeking{content: content, at: -1}
}

// seeking is a ReaderAt of what can only be read from where it is: of a bucket, of which
// each other place costs a request.
type seeking struct {
	mu      sync.Mutex
	content io.ReadSeeker // guarded by mu
	at      int64         // guarded by mu; where content is, -1: nobody knows
}

func (s *seeking) ReadAt(b []byte, offset int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != offset {
		if _, err := s.content.Seek(offset, io.SeekStart); err != nil {
			s.at = -1
			return 0, err
		}
	}
	n, err := io.ReadFull(s.content, b)
	s.at = offset + int64(n)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

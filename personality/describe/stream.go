package describe

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Streams describes contents as stores open them, for an index. All of it counts as one
// client's in the turns of the sandbox, so that uploads are not behind it.
type Streams struct{ Describer *Describer }

// indexClient is no address, as those of clients are.
const indexClient = "the index"

// Version is that of the module that describes: with another one, contents are to be
// described again. It is not 0.
func (s Streams) Version() int { return content.ModuleVersion() }

// Describe is [Describer.Both] of size bytes of r; the WIT is nil if there is none.
func (s Streams) Describe(ctx context.Context, r io.ReadSeeker, size int64) (discovery.Description, *discovery.WIT, error) {
	c, err := s.Describer.Both(content.WithClient(ctx, indexClient), &seeking{r: r, at: -1}, size)
	return c.Description, c.WIT, err
}

// seeking reads at any position of what is read in order for most of the time. It belongs
// to one goroutine.
type seeking struct {
	r  io.ReadSeeker
	at int64 // where r is; -1: nobody knows
}

// ReadAt implements [io.ReaderAt].
func (s *seeking) ReadAt(p []byte, offset int64) (int, error) {
	if s.at != offset {
		if _, err := s.r.Seek(offset, io.SeekStart); err != nil {
			s.at = -1
			return 0, fmt.Errorf("go to byte %d of the content: %w", offset, err)
		}
	}
	n, err := io.ReadFull(s.r, p)
	s.at = offset + int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // which an [io.ReaderAt] says
	}
	return n, err
}

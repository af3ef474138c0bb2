package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Only whole chunks count, also after the process was killed in one. So before a chunk is
// written, a file beside the upload's says where it begins; it goes when the chunk is whole.

// mark is the path of that file. No upload has such an id.
func (w *upload) mark() string { return filepath.Join(w.of.dir, w.id+".start") }

// whole returns how many bytes of the upload are whole chunks. It changes nothing: another
// process may be writing.
func (w *upload) whole() (int64, error) {
	text, err := os.ReadFile(w.mark())
	if errors.Is(err, fs.ErrNotExist) {
		return w.file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return 0, err
	}
	size, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: delete it: %w", w.mark(), err)
	}
	return size, nil
}

// beginChunk makes the file ready for the first byte of a chunk.
func (w *upload) beginChunk() error {
	if w.marked {
		return nil
	}
	if err := replaceFile(w.mark(), strconv.AppendInt(nil, w.start, 10)); err != nil {
		return err
	}
	w.marked = true
	if err := w.file.Truncate(w.start); err != nil {
		return err
	}
	_, err := w.file.Seek(w.start, io.SeekStart)
	return err
}

// endChunk says that all of the file counts.
func (w *upload) endChunk() error {
	if !w.marked {
		return nil
	}
	w.marked = false
	return os.Remove(w.mark())
}

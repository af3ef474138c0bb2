package content

import (
	"io"
	"io/fs"
	"os"
	"time"
)

// fileReader is a [Content] in a file. It has no more methods than that: what reads past
// Read would not be compared with the digest.
type fileReader struct {
	file   *os.File
	info   fs.FileInfo
	offset int64 // where file is
	whole  digested
}

func (r *fileReader) Size() int64        { return r.info.Size() }
func (r *fileReader) ModTime() time.Time { return r.info.ModTime() }
func (r *fileReader) Close() error       { return r.file.Close() }

func (r *fileReader) Seek(offset int64, whence int) (int64, error) {
	at, err := r.file.Seek(offset, whence)
	if err == nil {
		r.offset = at
	}
	return at, err
}

// Read is that of [objectReader].
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	if damage := r.whole.read(r.offset, p[:n]); damage != nil {
		return 0, damage
	}
	r.offset += int64(n)
	if err == io.EOF && r.offset < r.Size() { // somebody has cut it off meanwhile
		err = r.whole.endsAfter(r.offset)
	}
	return n, err
}

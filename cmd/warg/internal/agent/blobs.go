package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// blobs is a folder of content, a file each, named by the hex of its digest. A file gets
// its name when its content is known to have the digest.
type blobs struct {
	dir string
	max int64 // bytes in the folder, about
	now func() time.Time
}

func hexOf(digest protocol.Hash) string { return strings.TrimPrefix(digest.String(), "sha256:") }

func (b *blobs) path(digest protocol.Hash) string { return filepath.Join(b.dir, hexOf(digest)) }

// open opens a content, an [fs.ErrNotExist] if it is not here, and marks it as used.
func (b *blobs) open(digest protocol.Hash) (*os.File, error) {
	f, err := os.Open(b.path(digest))
	if err != nil {
		return nil, err
	}
	now := b.now()
	// The mark only says what to remove last; another process may have removed it.
	if err := os.Chtimes(f.Name(), now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// adopt takes a file whose content has a digest.
func (b *blobs) adopt(path string, digest protocol.Hash) error {
	if err := os.Rename(path, b.path(digest)); err != nil {
		return err
	}
	now := b.now()
	if err := os.Chtimes(b.path(digest), now, now); err != nil {
		return err
	}
	return b.trim(digest)
}

// trim removes what was not used for longest until the rest is within the bound, but not
// the content with the digest. What somebody reads stays readable until it is closed.
func (b *blobs) trim(keep protocol.Hash) error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		files = append(files, info)
		total += info.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= b.max {
			return nil
		}
		if f.Name() == hexOf(keep) {
			continue
		}
		if err := os.Remove(filepath.Join(b.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= f.Size()
	}
	return nil
}

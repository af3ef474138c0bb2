package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// batchFiles is how many names of a folder are worked on at once.
const batchFiles = 256

// SweepUploads clears what processes that were killed have left in tmp/, and returns
// how many files it removed: those of uploads that nobody has open and that were not
// written to for olderThan. Where the file system has no locks, the time alone has to
// tell, and an upload that waits that long for its check is lost.
//
// Content that a killed [Folder.Collect] had set aside gets its name back.
func (f *Folder) SweepUploads(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	then := time.Now().Add(-olderThan)
	err = f.batches(ctx, f.tmp, func(entries []fs.DirEntry) error {
		for _, entry := range entries {
			if digest, ok := asideDigest(entry.Name()); ok {
				if err := f.putBack(aside{digest, filepath.Join(f.tmp, entry.Name())}); err != nil {
					return err
				}
				continue
			}
			swept, err := f.sweep(entry, then)
			if err != nil {
				return err
			}
			if swept {
				removed++
			}
		}
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("sweeping uploads: %w", f.unavailable(err))
	}
	return removed, nil
}

// sweep removes a file in tmp/ that was last written before then, unless somebody
// still has it open.
func (f *Folder) sweep(entry fs.DirEntry, then time.Time) (bool, error) {
	path := filepath.Join(f.tmp, entry.Name())
	info, err := f.fs.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // its upload is done, or another process sweeps too
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || !info.ModTime().Before(then) {
		return false, nil
	}
	file, err := f.fs.OpenFile(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	if inUse(file) {
		return false, nil
	}
	err = f.fs.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// batches lists dir and hands out what is in it, some at a time, until ctx ends.
func (f *Folder) batches(ctx context.Context, dir string, work func([]fs.DirEntry) error) error {
	list, err := f.fs.OpenFile(dir, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer list.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := list.ReadDir(batchFiles)
		if err != nil && err != io.EOF {
			return err
		}
		if len(entries) == 0 {
			return nil
		}
		if err := work(entries); err != nil {
			return err
		}
	}
}

// asidePrefix begins the names in tmp/ of content that is being collected:
// collected-sha256-<64 hex digits>-<random>.
const asidePrefix = "collected-"

// asideName is a new name for content set aside. Nobody else uses it: with one name for
// a digest, one process could remove what another has just set aside and looks at.
func asideName(name, random string) string { return asidePrefix + name + "-" + random }

// asideDigest reads a name that [asideName] made.
func asideDigest(name string) (digest protocol.Hash, ok bool) {
	rest, ok := strings.CutPrefix(name, asidePrefix)
	if !ok {
		return digest, false
	}
	return digestOf(rest[:max(0, strings.LastIndexByte(rest, '-'))])
}

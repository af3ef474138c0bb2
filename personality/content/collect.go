package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// minCollectAge is the least age of content to collect, far more than what
// [Folder.Hold] does not renew.
const minCollectAge = 10 * holdAge

// Named says which of some contents a record names that is published, was accepted or
// waits for content. What it knows as committed when it is asked has to be in its
// answer.
type Named func(ctx context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error)

// Collect removes the contents that nothing names and that were stored, or held, more
// than olderThan ago (10 minutes or more), and returns how many it removed. Several
// processes may collect at the same time, beside uploads, posts and downloads.
//
// What must not happen is that content is lost which a post has found here and then
// named. Such a post calls [Folder.Hold], which makes the content new, and commits its
// record within olderThan less a minute. A file is removed in these steps:
//
//  1. it is older than olderThan, and not named;
//  2. it is renamed, from files/ to a name of its own in tmp/: set aside;
//  3. it is still older than olderThan; else it is put back;
//  4. it is still not named; else it is put back;
//  5. it is unlinked.
//
// Whatever comes between:
//   - Hold before 2 has made the file new, which 3 sees: it is put back.
//   - Hold after 2 does not find the name, and says that the content is not there: the
//     publisher uploads it again. Hold that began before 2 and touches the file after
//     it looks for the name afterwards, and says the same; or finds it, when 3 or 4 has
//     put the file back meanwhile, or an upload has made a new one: both are new.
//   - A record committed before 4, on the strength of an old Hold, is seen by 4. One
//     that is committed later had no more than olderThan less a minute since its Hold,
//     so 3 has seen the file as new.
//   - An upload between 1 and 2 has put a new file under the name: it is what 2 sets
//     aside and 3 puts back. One after 2 makes a file that this collection never
//     touches. Putting back over it does no harm: the bytes are the same, and a file
//     that is put back is made new first, so that nobody's Hold is cut short.
//   - Another collection sets aside under another name. The second one to rename finds
//     no file. What the first puts back is new to the second.
//   - A download that has the file open reads on to its end. One that opens it between
//     2 and 3 does not find it; it is content that nothing named a moment ago.
//   - The process is killed between 2 and 5: [Folder.SweepUploads] puts the file back,
//     and a later collection starts again. If that sweep runs beside a collection that
//     lives, 5 finds no file to unlink.
//   - The power is lost: each of rename and unlink has happened or has not, so the file
//     is whole, under one of its names or gone for good, and nobody was told of it.
//
// Times are compared with those that other processes have written: their clocks may
// differ by as much as olderThan is longer than what a post takes, and no more.
func (f *Folder) Collect(ctx context.Context, olderThan time.Duration, named Named) (removed int, err error) {
	if olderThan < minCollectAge {
		return 0, fmt.Errorf("collecting content younger than %v would remove what is about to be named; it was asked for %v", minCollectAge, olderThan)
	}
	then := time.Now().Add(-olderThan)
	err = f.batches(ctx, f.files, func(entries []fs.DirEntry) error {
		n, err := f.collectSome(ctx, f.olderThan(then, entries), then, named)
		removed += n
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("collecting content: %w", f.unavailable(err))
	}
	return removed, nil
}

// olderThan picks the contents that were last stored or held before then. What cannot
// be looked at is left alone.
func (f *Folder) olderThan(then time.Time, entries []fs.DirEntry) []protocol.Hash {
	var old []protocol.Hash
	for _, entry := range entries {
		if digest, ok := digestOf(entry.Name()); ok {
			info, err := f.fs.Stat(f.path(digest))
			if err == nil && info.Mode().IsRegular() && info.ModTime().Before(then) {
				old = append(old, digest)
			}
		}
	}
	return old
}

// aside is content that was set aside, and where.
type aside struct {
	digest protocol.Hash
	path   string
}

// collectSome removes those of the contents that nothing names.
func (f *Folder) collectSome(ctx context.Context, digests []protocol.Hash, then time.Time, named Named) (removed int, err error) {
	names, err := ask(ctx, named, digests)
	if err != nil {
		return 0, err
	}
	var asides []aside
	defer func() {
		// However it ends, what was not removed is put back.
		for _, a := range asides {
			err = errors.Join(err, f.putBack(a))
		}
	}()
	for _, digest := range digests {
		if names[digest] {
			continue
		}
		a, old, err := f.setAside(digest, then)
		if err != nil {
			return 0, err
		}
		if old {
			asides = append(asides, a)
		}
	}
	if names, err = ask(ctx, named, digestsOf(asides)); err != nil {
		return 0, err
	}
	for _, a := range asides {
		if names[a.digest] {
			continue
		}
		err := f.fs.Remove(a.path)
		if err == nil {
			removed++
		} else if !errors.Is(err, fs.ErrNotExist) { // a sweep has put it back
			return removed, err
		}
	}
	return removed, nil
}

// setAside renames content away, unless it turns out not to be older than then.
func (f *Folder) setAside(digest protocol.Hash, then time.Time) (a aside, old bool, err error) {
	a = aside{digest, filepath.Join(f.tmp, asideName(fileName(digest), rand.Text()))}
	err = f.fs.Rename(f.path(digest), a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil // another process collects too
	}
	if err != nil {
		return a, false, err
	}
	info, err := f.fs.Stat(a.path)
	if err == nil && info.ModTime().Before(then) {
		return a, true, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a sweep put it back
	}
	return a, false, errors.Join(err, f.putBack(a))
}

// putBack gives content that was set aside its name again, as new.
func (f *Folder) putBack(a aside) error {
	err := f.fs.Touch(a.path, time.Now())
	if err == nil {
		err = f.fs.Rename(a.path, f.path(a.digest))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed, or put back by a sweep
	}
	if err != nil {
		return fmt.Errorf("putting back content %s: %w", a.digest, err)
	}
	return f.fs.SyncFolder(f.files)
}

func ask(ctx context.Context, named Named, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
	if len(digests) == 0 {
		return nil, nil
	}
	names, err := named(ctx, digests)
	if err != nil {
		return nil, fmt.Errorf("asking which contents are named: %w", err)
	}
	return names, nil
}

func digestsOf(asides []aside) []protocol.Hash {
	digests := make([]protocol.Hash, len(asides))
	for i, a := range asides {
		digests[i] = a.digest
	}
	return digests
}

package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// setAsideTime is how long a collection may take between its copy of an object and its
// wish to remove it: much less than minAsideAge.
const setAsideTime = time.Minute

// minAsideAge is the age from which on a copy belongs to a collection that has ended.
const minAsideAge = 10 * time.Minute

// Collect is [Folder.Collect], for a bucket, which has no names to change in one step,
// and no times to set. That somebody holds content is said by an object of its own, in
// held/, whose key has the time; nobody removes it before that time is long past. An
// object is removed in these steps:
//
//  1. it was written before olderThan, and is neither held since nor named;
//  2. it is copied to a key of its own in collected/: set aside;
//  3. it is still as old; else the copy is removed, and that is all;
//  4. it is removed;
//  5. it is neither held nor named; else it is put back from the copy;
//  6. the copy is removed.
//
// Whatever comes between:
//   - Hold writes its mark before it looks for the object. If it finds it, the mark was
//     there before 4, and 5 sees it. If it does not, it says so, and the publisher
//     uploads it again. It writes no mark where the object is new: 3 sees that,
//     or who made it new has written a mark.
//   - Put looks before it writes: if the object is there, or a copy in collected/, it
//     writes a mark first, which 5 sees if 4 removes what Put wrote; Put writes it again
//     if it sees that before it is put back. If neither is
//     there, no collection is between 2 and 6, and one that begins sees in 3 that the
//     object is new.
//   - A record that was committed before 5 is seen there. One that is committed later had
//     no more than olderThan less a minute since its Hold, so that 5 sees the mark.
//   - Another collection has another copy. What one puts back has a mark, for the other.
//   - Whoever wants the object between 4 and 5 does not find it: it is content that
//     nothing named a moment ago.
//   - The process is killed: [Bucket.SweepUploads] puts back what is in collected/, when
//     that is older than minutes. A collection that was stopped for longer, as by a
//     debugger, looks at the clock before 4.
//
// Times of this machine, of others with the same bucket and of the bucket are compared:
// they may differ by as much as olderThan is longer than what a post takes.
func (b *Bucket) Collect(ctx context.Context, olderThan time.Duration, named Named) (removed int, err error) {
	if olderThan < minCollectAge {
		return 0, fmt.Errorf("collecting content younger than %v would remove what is about to be named; it was asked for %v", minCollectAge, olderThan)
	}
	then := time.Now().Add(-olderThan)
	held, err := b.held(ctx, heldPrefix, then)
	if err == nil {
		removed, err = b.collectAll(ctx, then, held, named)
	}
	if err == nil {
		err = b.forgetHeld(ctx, then)
	}
	if err != nil {
		return removed, fmt.Errorf("collecting content: %w", err)
	}
	return removed, nil
}

// collectAll goes through the contents, some at a time.
func (b *Bucket) collectAll(ctx context.Context, then time.Time, held map[protocol.Hash]bool, named Named) (removed int, err error) {
	var old []protocol.Hash
	some := func() error {
		n, err := b.collectSome(ctx, old, then, named)
		removed, old = removed+n, old[:0]
		return err
	}
	err = b.objects.List(ctx, contentPrefix, func(o Object) error {
		digest, ok := digestOf(strings.TrimPrefix(o.Key, contentPrefix))
		if ok && o.ModTime.Before(then) && !held[digest] {
			old = append(old, digest)
		}
		if len(old) < batchFiles {
			return nil
		}
		return some()
	})
	if err == nil {
		err = some()
	}
	return removed, err
}

// collectSome removes those of the contents that nothing names.
func (b *Bucket) collectSome(ctx context.Context, digests []protocol.Hash, then time.Time, named Named) (removed int, err error) {
	names, err := ask(ctx, named, digests)
	if err != nil {
		return 0, err
	}
	for _, digest := range digests {
		if names[digest] {
			continue
		}
		done, err := b.collectOne(ctx, digest, then, named)
		if err != nil {
			return removed, err
		}
		if done {
			removed++
		}
	}
	return removed, nil
}

// collectOne does steps 2 to 6.
func (b *Bucket) collectOne(ctx context.Context, digest protocol.Hash, then time.Time, named Named) (removed bool, err error) {
	began := time.Now().Round(0) // by the clock on the wall, which goes on when a machine sleeps
	a := aside{digest, asidePrefixKey + fileName(digest) + "." + rand.Text()}
	if err := b.objects.Copy(ctx, a.path, contentKey(digest)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // another process collects too
		}
		// The bucket may have made the copy for all that.
		return false, errors.Join(err, b.objects.Remove(ctx, a.path))
	}
	o, found, err := b.look(ctx, digest)
	if err != nil || !found || !o.ModTime.Before(then) || time.Now().Round(0).Sub(began) > setAsideTime {
		return false, errors.Join(err, b.objects.Remove(ctx, a.path))
	}
	wanted := true
	defer func() {
		// However it ends, it is there if anybody may want it.
		if wanted {
			err = errors.Join(err, b.putBack(context.WithoutCancel(ctx), a))
		}
	}()
	if err := b.objects.Remove(ctx, contentKey(digest)); err != nil {
		return false, err
	}
	held, err := b.held(ctx, heldPrefix+fileName(digest), then)
	if err != nil {
		return false, err
	}
	names, err := ask(ctx, named, []protocol.Hash{digest})
	if err != nil {
		return false, err
	}
	if wanted = held[digest] || names[digest]; wanted {
		return false, nil
	}
	return true, b.objects.Remove(ctx, a.path)
}

// putBack makes content of a copy again, as new, and removes the copy. It is held, so that
// whoever takes it for new is right, even if another collection is about to remove it.
func (b *Bucket) putBack(ctx context.Context, a aside) error {
	if err := b.mark(ctx, a.digest); err != nil {
		return fmt.Errorf("putting back content %s: %w", a.digest, err)
	}
	err := b.objects.Copy(ctx, contentKey(a.digest), a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a sweep has put it back
	}
	if err == nil {
		err = b.objects.Remove(ctx, a.path)
	}
	if err != nil {
		return fmt.Errorf("putting back content %s: %w", a.digest, err)
	}
	return nil
}

// markIfCollected writes a mark if a collection may be about to remove content that is
// written next.
func (b *Bucket) markIfCollected(ctx context.Context, digest protocol.Hash) error {
	_, found, err := b.look(ctx, digest)
	if err != nil {
		return err
	}
	if !found {
		err = b.objects.List(ctx, asidePrefixKey+fileName(digest), func(Object) error {
			found = true
			return nil
		})
	}
	if err != nil || !found {
		return err
	}
	return b.mark(ctx, digest)
}

// mark says that content is held now. Keys of the past are never written again, so that
// to remove one does no harm.
func (b *Bucket) mark(ctx context.Context, digest protocol.Hash) error {
	key := heldPrefix + fileName(digest) + "." + strconv.FormatInt(time.Now().Unix()/60, 10)
	return b.objects.Write(ctx, key, strings.NewReader(""))
}

// held are the contents, of those with a prefix of keys, that were held after then.
func (b *Bucket) held(ctx context.Context, prefix string, then time.Time) (map[protocol.Hash]bool, error) {
	held := map[protocol.Hash]bool{}
	err := b.objects.List(ctx, prefix, func(o Object) error {
		if digest, until, ok := heldDigest(o.Key); ok && until.After(then) {
			held[digest] = true
		}
		return nil
	})
	return held, err
}

// forgetHeld removes the marks of before then.
func (b *Bucket) forgetHeld(ctx context.Context, then time.Time) error {
	return b.objects.List(ctx, heldPrefix, func(o Object) error {
		if _, until, ok := heldDigest(o.Key); ok && until.Before(then) {
			return b.objects.Remove(ctx, o.Key)
		}
		return nil
	})
}

// heldDigest reads the key of a mark: which content, and the end of the minute in which
// it was held.
func heldDigest(key string) (digest protocol.Hash, until time.Time, ok bool) {
	name, minute, _ := strings.Cut(strings.TrimPrefix(key, heldPrefix), ".")
	digest, ok = digestOf(name)
	n, err := strconv.ParseInt(minute, 10, 64)
	return digest, time.Unix((n+1)*60, 0), ok && err == nil
}

// SweepUploads clears what processes that were killed have left: uploads on this
// machine, objects that clients have put into incoming/ before olderThan, and which
// nobody took. It returns how many. Content in the midst of its collection is put back.
func (b *Bucket) SweepUploads(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	removed, err = b.spool.SweepUploads(ctx, olderThan)
	if err != nil {
		return removed, err
	}
	asideBefore := time.Now().Add(-max(olderThan, minAsideAge))
	err = b.objects.List(ctx, asidePrefixKey, func(o Object) error {
		name, _, _ := strings.Cut(strings.TrimPrefix(o.Key, asidePrefixKey), ".")
		if digest, ok := digestOf(name); ok && o.ModTime.Before(asideBefore) {
			return b.putBack(ctx, aside{digest, o.Key})
		}
		return nil
	})
	for _, prefix := range []string{incomingPrefix, probePrefix} {
		if err != nil {
			break
		}
		err = b.objects.List(ctx, prefix, func(o Object) error {
			if !o.ModTime.Before(time.Now().Add(-olderThan)) {
				return nil
			}
			removed++
			return b.objects.Remove(ctx, o.Key)
		})
	}
	if err != nil {
		return removed, fmt.Errorf("sweeping uploads: %w", err)
	}
	return removed, nil
}

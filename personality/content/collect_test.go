package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// longAgo is when old contents were stored.
func longAgo() time.Time { return time.Now().Add(-24 * time.Hour) }

// putOld stores content as if that was long ago.
func putOld(t *testing.T, f *Folder, data []byte) protocol.Hash {
	t.Helper()
	digest := protocol.HashOf(data)
	if _, err := f.Put(t.Context(), digest, bytes.NewReader(data), nil); err != nil {
		t.Fatal(err)
	}
	makeOld(t, f, digest)
	return digest
}

func makeOld(t *testing.T, f *Folder, digest protocol.Hash) {
	t.Helper()
	if err := os.Chtimes(f.path(digest), longAgo(), longAgo()); err != nil {
		t.Fatal(err)
	}
}

func mustHave(t *testing.T, f *Folder, digest protocol.Hash) {
	t.Helper()
	if has, err := f.Has(t.Context(), digest); !has || err != nil {
		t.Errorf("content %s: %v, %v; want it there", digest, has, err)
	}
}

func mustNotHave(t *testing.T, f *Folder, digest protocol.Hash) {
	t.Helper()
	if has, err := f.Has(t.Context(), digest); has || err != nil {
		t.Errorf("content %s: %v, %v; want it gone", digest, has, err)
	}
}

func namedNothing(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
	return nil, nil
}

func namedOnly(digests ...protocol.Hash) Named {
	return func(_ context.Context, asked []protocol.Hash) (map[protocol.Hash]bool, error) {
		names := map[protocol.Hash]bool{}
		for _, digest := range digests {
			names[digest] = true
		}
		return names, nil
	}
}

// namedTheSecondTime names nothing when it is first asked, and then everything.
func namedTheSecondTime() Named {
	asked := 0
	return func(_ context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
		if asked++; asked == 1 {
			return nil, nil
		}
		return namedOnly(digests...)(context.Background(), digests)
	}
}

func TestCollect(t *testing.T) {
	f, dir := newFolder(t, 0)
	var named, lost []protocol.Hash
	for i := range 2*batchFiles + 10 { // several batches
		named = append(named, putOld(t, f, fmt.Appendf(nil, "named %d", i)))
		lost = append(lost, putOld(t, f, fmt.Appendf(nil, "not named %d", i)))
	}
	young := protocol.HashOf([]byte("young"))
	if err := putErr(f, []byte("young")); err != nil {
		t.Fatal(err)
	}
	held := putOld(t, f, []byte("held"))
	if ok, err := f.Hold(t.Context(), held); !ok || err != nil {
		t.Errorf("Hold: %v, %v", ok, err)
	}
	stranger := filepath.Join(f.files, "README")
	if err := os.WriteFile(stranger, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stranger, longAgo(), longAgo()); err != nil {
		t.Fatal(err)
	}

	most := 0
	count := func(ctx context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
		most = max(most, len(digests))
		return namedOnly(named...)(ctx, digests)
	}
	removed, err := f.Collect(t.Context(), time.Hour, count)
	if removed != len(lost) || err != nil {
		t.Errorf("removed %d, %v; want %d", removed, err, len(lost))
	}
	if most == 0 || most > batchFiles {
		t.Errorf("it asked for %d digests at once", most)
	}
	for _, digest := range append(named, young, held) {
		mustHave(t, f, digest)
	}
	for _, digest := range lost {
		mustNotHave(t, f, digest)
		if _, err := f.Open(t.Context(), digest); !errors.Is(err, ErrNotFound) {
			t.Errorf("opening what was collected: %v", err)
		}
	}
	if got := names(t, dir); len(got) != len(named)+3 {
		t.Errorf("%d files are left, want %d", len(got), len(named)+3)
	}
	if removed, err := f.Collect(t.Context(), time.Hour, count); removed != 0 || err != nil {
		t.Errorf("again: %d, %v", removed, err)
	}
}

func TestHold(t *testing.T) {
	f, _ := newFolder(t, 0)
	if ok, err := f.Hold(t.Context(), protocol.Hash{1}); ok || err != nil {
		t.Errorf("of what is not there: %v, %v", ok, err)
	}
	digest := putOld(t, f, []byte("data"))
	at := func() time.Time {
		info, err := os.Stat(f.path(digest))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	if ok, err := f.Hold(t.Context(), digest); !ok || err != nil || time.Since(at()) > time.Hour {
		t.Errorf("of what is old: %v, %v, held since %v", ok, err, at())
	}
	first := time.Now().Add(-holdAge / 2)
	if err := os.Chtimes(f.path(digest), first, first); err != nil {
		t.Fatal(err)
	}
	before := at()
	if ok, err := f.Hold(t.Context(), digest); !ok || err != nil || !at().Equal(before) {
		t.Errorf("of what is new: %v, %v, held since %v, want %v", ok, err, at(), before)
	}
}

// Whatever goes wrong, what was set aside is back.
func TestCollectFailures(t *testing.T) {
	broken := errors.New("the database is away")
	failing := func(when int, err error) Named {
		return func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
			if when--; when == 0 {
				return nil, err
			}
			return nil, nil
		}
	}
	for name, test := range map[string]struct {
		age   time.Duration
		named Named
		op    string
	}{
		"asking first":   {time.Hour, failing(1, broken), ""},
		"asking again":   {time.Hour, failing(2, broken), ""},
		"setting aside":  {time.Hour, namedNothing, "rename"},
		"removing":       {time.Hour, namedNothing, "remove"},
		"too young ones": {time.Minute, namedNothing, ""},
	} {
		var fail failure
		f, dir := hookedFolder(t, FolderOptions{}, fail.hook)
		digests := []protocol.Hash{putOld(t, f, []byte("1")), putOld(t, f, []byte("2"))}
		if test.op != "" {
			fail.set(test.op, broken)
		}
		removed, err := f.Collect(t.Context(), test.age, test.named)
		if removed != 0 || err == nil {
			t.Errorf("%s: %d, %v", name, removed, err)
		}
		for _, digest := range digests {
			mustHave(t, f, digest)
		}
		if got := names(t, dir); len(got) != len(digests) {
			t.Errorf("%s: the folder holds %q", name, got)
		}
	}

	f, _ := newFolder(t, 0)
	digest := putOld(t, f, []byte("data"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Collect(ctx, time.Hour, namedNothing); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	mustHave(t, f, digest)
}

// A panic of the one who is asked puts back what was set aside.
func TestCollectPanics(t *testing.T) {
	f, _ := newFolder(t, 0)
	digest := putOld(t, f, []byte("data"))
	asked := 0
	func() {
		defer func() { recover() }()
		f.Collect(t.Context(), time.Hour, func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
			if asked++; asked == 2 {
				panic("a bug")
			}
			return nil, nil
		})
	}()
	mustHave(t, f, digest)
}

// What a killed collection has set aside gets its name back, also when the folder is
// opened, and when there is new content under the name.
func TestSweepPutsBackWhatWasSetAside(t *testing.T) {
	f, dir := newFolder(t, 0)
	setAside := func() protocol.Hash {
		digest := putOld(t, f, []byte("data"))
		if _, old, err := f.setAside(digest, time.Now()); !old || err != nil {
			t.Fatal(old, err)
		}
		mustNotHave(t, f, digest)
		return digest
	}
	digest := setAside()
	if removed, err := f.SweepUploads(t.Context(), time.Hour); removed != 0 || err != nil {
		t.Errorf("%d, %v", removed, err)
	}
	mustHave(t, f, digest)
	if ok, err := f.Hold(t.Context(), digest); !ok || err != nil {
		t.Errorf("Hold: %v, %v", ok, err)
	}

	setAside()
	if _, err := OpenFolder(dir, FolderOptions{}); err != nil {
		t.Fatal(err)
	}
	mustHave(t, f, digest)

	setAside()
	if err := putErr(f, []byte("data")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SweepUploads(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	mustHave(t, f, digest)
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q", got)
	}
	if removed, err := f.Collect(t.Context(), time.Hour, namedNothing); removed != 0 || err != nil {
		t.Errorf("what was put back is not new: %d, %v", removed, err)
	}
}

package content

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What a disk has damaged is not served to its end, and noticed; what it has emptied is no
// content any more, and can be stored again.
func TestDamagedFiles(t *testing.T) {
	f, _ := newFolder(t, 0)
	const data = "what was stored"
	digest := protocol.HashOf([]byte(data))
	put := func() {
		t.Helper()
		if _, err := f.Put(t.Context(), digest, strings.NewReader(data), nil); err != nil {
			t.Fatal(err)
		}
	}
	read := func(from int64) (string, error) {
		c, err := f.Open(t.Context(), digest)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		_, err = io.Copy(&got, c) // which takes a short cut where there is one
		return got.String(), err
	}
	put()
	for _, other := range []string{"what was st0red", "what was", "what was stored, and more"} {
		if err := os.WriteFile(f.path(digest), []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(0)
		if damaged, ok := errors.AsType[*DamagedError](err); !ok || damaged.Digest != digest || len(got) >= len(other) {
			t.Errorf("%q: read %q, %v", other, got, err)
		}
		if got, err := read(2); err != nil || got != other[2:] {
			t.Errorf("%q: a part was read as %q, %v", other, got, err)
		}
	}
	if err := os.Truncate(f.path(digest), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := read(0); !errors.Is(err, ErrNotFound) {
		t.Errorf("an emptied file was read as %q, %v", got, err)
	}
	for what, has := range map[string]func() (bool, error){
		"Has":  func() (bool, error) { return f.Has(t.Context(), digest) },
		"Hold": func() (bool, error) { return f.Hold(t.Context(), digest) },
	} {
		if found, err := has(); err != nil || found {
			t.Errorf("%s of an emptied file: %v, %v", what, found, err)
		}
	}
	put()
	if got, err := read(0); err != nil || got != data {
		t.Errorf("stored again, it was read as %q, %v", got, err)
	}
}

// A file that is cut off while it is read is damaged, not at its end.
func TestFileCutOffWhileRead(t *testing.T) {
	f, _ := newFolder(t, 0)
	const data = "what was stored"
	digest := protocol.HashOf([]byte(data))
	if _, err := f.Put(t.Context(), digest, strings.NewReader(data), nil); err != nil {
		t.Fatal(err)
	}
	c, err := f.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := os.Truncate(f.path(digest), 4); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if _, ok := errors.AsType[*DamagedError](err); !ok {
		t.Errorf("read %q, %v", got, err)
	}
}

// The empty content is content.
func TestEmptyContent(t *testing.T) {
	f, _ := newFolder(t, 0)
	if _, err := f.Put(t.Context(), emptyDigest, strings.NewReader(""), nil); err != nil {
		t.Fatal(err)
	}
	if has, err := f.Has(t.Context(), emptyDigest); err != nil || !has {
		t.Errorf("Has: %v, %v", has, err)
	}
	c, err := f.Open(t.Context(), emptyDigest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
		t.Errorf("read %q, %v", got, err)
	}
}

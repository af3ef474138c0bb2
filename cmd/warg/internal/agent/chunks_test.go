package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// An agent that is killed in a chunk counts none of it, and the chunk may come again.
func TestKilledInAChunk(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	data := bytes.Repeat([]byte("0123456789"), 100)
	for _, whole := range []int{1, 400} {
		at := a.do(t, "POST", "/v2/example/killed/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
		a.chunk(t, at, data, 0, whole).want(t, 202, "") // of one byte, too
		entries, err := os.ReadDir(a.uploads.dir)
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		killed, err := a.uploads.resume(entries[0].Name(), int64(whole), 300)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := killed.Write([]byte("half of it, and more than is to come of it")); err != nil {
			t.Fatal(err)
		}
		b := start(t, "", func(o *Options) { o.Dir, o.Signer = a.options.Dir, a.key })
		if got := b.do(t, "GET", at, nil).want(t, 204, "").header.Get("Range"); whole == 400 && got != "0-399" {
			t.Errorf("the upload has %s", got)
		}
		b.chunk(t, at, data, whole, whole+20).want(t, 202, "")
		b.do(t, "PUT", at+"?digest="+digestOf(data[:whole+20]), nil).want(t, 201, "")
		left, err := filepath.Glob(filepath.Join(a.uploads.dir, "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}

// What is left of a broken chunk is not in the content either if no other one comes.
func TestKilledInTheLastChunk(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	at := a.do(t, "POST", "/v2/example/killed-last/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
	a.chunk(t, at, []byte("whole"), 0, 5).want(t, 202, "")
	entries, err := os.ReadDir(a.uploads.dir)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	killed, err := a.uploads.resume(entries[0].Name(), 5, 300)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := killed.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	b := start(t, "", func(o *Options) { o.Dir, o.Signer = a.options.Dir, a.key })
	b.do(t, "PUT", at+"?digest="+digestOf([]byte("whole")), nil).want(t, 201, "")
	if left, err := os.ReadDir(a.uploads.dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

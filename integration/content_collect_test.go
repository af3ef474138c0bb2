package integration

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/content/contenttest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A registry removes content that no record names, when it is older than
// --content-retention, from a folder and from a bucket; published content stays.
func TestContentRetention(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T) (files string, url string){
		"folder": func(t *testing.T) (string, string) {
			dir := t.TempDir()
			return dir, "file://" + dir
		},
		"S3": func(t *testing.T) (string, string) {
			bucket := buckets.S3(t)
			return filepath.Join(bucket.Dir, "warg"), bucket.URL
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, url := prepare(t)
			s := startServer(t, "--content-url", url, "--content-retention", "30m")
			p := newPublisher(t, s)
			p.run("publish", "init", "example:hello")
			p.release("example:hello", "1.0.0", adder())
			s.stop(t)

			published := theFile(t, dir, adder())
			old, young := []byte("nobody's, and old"), []byte("nobody's, and young")
			for _, data := range [][]byte{old, young} {
				path := filepath.Join(filepath.Dir(published), strings.Replace(protocol.HashOf(data).String(), ":", "-", 1))
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			age := func(data []byte, by time.Duration) {
				t.Helper()
				then := time.Now().Add(-by)
				if err := os.Chtimes(theFile(t, dir, data), then, then); err != nil {
					t.Fatal(err)
				}
			}
			age(adder(), 24*time.Hour)
			age(old, 31*time.Minute)
			age(young, 20*time.Minute)

			s.start(t) // and it collects
			for deadline := time.Now().Add(time.Minute); !strings.Contains(s.stderr.String(), "removed what nothing names"); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("nothing was removed")
				}
			}
			if response, body := s.answer(t, http.MethodGet, contentPath(adder()), nil); response.StatusCode != http.StatusOK || !bytes.Equal(body, adder()) {
				t.Errorf("what was published: %s", response.Status)
			}
			if left := filesOf(t, dir, old); len(left) != 0 {
				t.Errorf("what nobody names is still there: %q", left)
			}
			theFile(t, dir, young)
			if left, err := filepath.Glob(filepath.Join(dir, "collected", "*")); err != nil || len(left) != 0 {
				t.Errorf("left over: %q, %v", left, err)
			}
		})
	}
}

// filesOf are the files below a folder that are named for a content.
func filesOf(t *testing.T, dir string, data []byte) (paths []string) {
	t.Helper()
	digest := strings.TrimPrefix(protocol.HashOf(data).String(), "sha256:")
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), digest) && !strings.Contains(path, "held") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func theFile(t *testing.T, dir string, data []byte) string {
	t.Helper()
	paths := filesOf(t, dir, data)
	if len(paths) != 1 {
		t.Fatalf("files of a content below %s: %q", dir, paths)
	}
	return paths[0]
}

// Two collections of the same bucket at once, while others hold and put content: what is
// named, was promised or was put is there afterwards, and the rest is gone.
func TestTwoCollectionsAtOnce(t *testing.T) {
	const each = 12
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		p := newBucketPlace(t, s.URL)
		first, second, other := p.open(t, 30*time.Second), p.open(t, 30*time.Second), p.open(t, 30*time.Second)
		digests := map[string][]protocol.Hash{}
		for _, kind := range []string{"named", "held", "put", "nobody's"} {
			for i := range each {
				digests[kind] = append(digests[kind], contenttest.Put(t, first, kind+strconv.Itoa(i)))
			}
		}
		p.Age(t)
		named := contenttest.Named(digests["named"]...)
		var all sync.WaitGroup
		var removed [2]int
		for i, store := range []*content.Bucket{first, second} {
			all.Go(func() {
				// Tried again as a registry does: some of these servers answer 500 if an object
				// is removed while they copy it.
				for try := 1; ; try++ {
					n, err := store.Collect(t.Context(), time.Hour, named)
					removed[i] += n
					if err == nil {
						return
					}
					if try == 2*each {
						t.Errorf("collection %d: %v", i, err)
						return
					}
				}
			})
		}
		promised := map[protocol.Hash]bool{}
		all.Go(func() {
			for _, digest := range digests["held"] {
				held, err := other.Hold(t.Context(), digest)
				if err != nil {
					t.Error(err)
				}
				promised[digest] = held
			}
		})
		all.Go(func() {
			for i := range each {
				contenttest.Put(t, other, "put"+strconv.Itoa(i))
			}
		})
		all.Wait()
		t.Logf("removed: %d and %d", removed[0], removed[1])
		for kind, of := range digests {
			for _, digest := range of {
				has := contenttest.Has(t, other, digest)
				switch {
				case kind == "held" && promised[digest] && !has:
					t.Errorf("%s was promised, and is gone", digest)
				case kind != "held" && has != (kind != "nobody's"):
					t.Errorf("%s, of %q, is there: %v", digest, kind, has)
				}
			}
		}
		if _, err := first.SweepUploads(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
		if left := keysBelow(t, s.URL, "collected/"); len(left) != 0 {
			t.Errorf("left over: %q", left)
		}
	})
}

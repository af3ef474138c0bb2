package integration

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/content/contenttest"
	"github.com/warg-trillian/warg-trillian/personality/objects"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// bucketKinds are the servers of buckets; each returns nil if it is not installed.
var bucketKinds = map[string]func(buckets.T) *buckets.Server{"S3": buckets.S3, "GCS": buckets.GCS, "Azure": buckets.Azure}

// eachBucket runs a test on a server of each kind.
func eachBucket(t *testing.T, test func(t *testing.T, s *buckets.Server)) {
	for name, start := range bucketKinds {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if s == nil {
				t.Skipf("the server for %s is not installed: `make tools` installs it (Azurite takes npm)", name)
			}
			test(t, s)
		})
	}
}

// What holds of a folder holds of buckets.
func TestContentInBucketsConforms(t *testing.T) {
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		contenttest.Run(t, func(t *testing.T) contenttest.Place {
			return newBucketPlace(t, withPrefix(s.URL, strings.ReplaceAll(t.Name(), "/", "-")))
		})
	})
}

// withPrefix is a part of a bucket for a test of its own.
func withPrefix(url, prefix string) string { return url + "&prefix=" + prefix + "/" }

// bucketPlace is a bucket whose stores can be shown an older one, and stopped between two
// requests to it.
type bucketPlace struct {
	url string

	mu     sync.Mutex
	aged   time.Time // what was written before looks a day older
	before func(op, key string)
}

func newBucketPlace(t *testing.T, url string) *bucketPlace { return &bucketPlace{url: url} }

func (p *bucketPlace) Open(t *testing.T) content.Store { return p.open(t, 30*time.Second) }

func (p *bucketPlace) open(t *testing.T, timeout time.Duration) *content.Bucket {
	t.Helper()
	bucket, err := objects.Open(t.Context(), content.ObjectOptions{URL: p.url, Timeout: timeout, CacheControl: "public"})
	if err != nil {
		t.Fatal(err)
	}
	spool, err := content.OpenFolder(t.TempDir(), content.FolderOptions{MaxSize: contenttest.MaxSize})
	if err != nil {
		t.Fatal(err)
	}
	s, err := content.OpenBucket(t.Context(), &agedObjects{bucket, p}, spool, content.BucketOptions{Signed: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Age waits for another second, as some buckets tell times in seconds.
func (p *bucketPlace) Age(t *testing.T) {
	time.Sleep(1100 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aged = time.Now().Truncate(time.Second)
}

// agedObjects is the bucket with other times, and a hook.
type agedObjects struct {
	content.Objects
	place *bucketPlace
}

func (a *agedObjects) shown(o content.Object) content.Object {
	a.place.mu.Lock()
	defer a.place.mu.Unlock()
	if o.ModTime.Before(a.place.aged) {
		o.ModTime = o.ModTime.Add(-24 * time.Hour)
	}
	return o
}

func (a *agedObjects) ask(op, key string) {
	a.place.mu.Lock()
	before := a.place.before
	a.place.mu.Unlock()
	if before != nil {
		before(op, key)
	}
}

func (a *agedObjects) Stat(ctx context.Context, key string) (content.Object, error) {
	a.ask("stat", key)
	o, err := a.Objects.Stat(ctx, key)
	return a.shown(o), err
}

func (a *agedObjects) List(ctx context.Context, prefix string, each func(content.Object) error) error {
	a.ask("list", prefix)
	return a.Objects.List(ctx, prefix, func(o content.Object) error { return each(a.shown(o)) })
}

func (a *agedObjects) Copy(ctx context.Context, to, from string) error {
	a.ask("copy", from)
	return a.Objects.Copy(ctx, to, from)
}

func (a *agedObjects) Remove(ctx context.Context, key string) error {
	a.ask("remove", key)
	return a.Objects.Remove(ctx, key)
}

// Whoever holds or puts content between any two requests of a collection to the bucket
// finds it there afterwards, or was told that it is not there.
func TestContentHeldWhileItIsCollected(t *testing.T) {
	s := buckets.S3(t)
	for name, act := range map[string]func(t *testing.T, s content.Store, digest protocol.Hash) (promised bool){
		"hold": func(t *testing.T, s content.Store, digest protocol.Hash) bool {
			held, err := s.Hold(t.Context(), digest)
			if err != nil {
				t.Error(err)
			}
			return held
		},
		"put": func(t *testing.T, s content.Store, digest protocol.Hash) bool {
			contenttest.Put(t, s, "data")
			return true
		},
	} {
		promises, steps := 0, 0
		for step := 0; ; step++ {
			collected := newBucketPlace(t, withPrefix(s.URL, name))
			collector, other := collected.open(t, 30*time.Second), newBucketPlace(t, collected.url)
			digest := contenttest.Put(t, collector, "data")
			collected.Age(t)
			other.aged = collected.aged
			holder := other.open(t, 30*time.Second)
			asked, acted, promised := 0, false, false
			collected.before = func(op, key string) {
				if asked++; asked == step+1 {
					acted, promised = true, act(t, holder, digest)
				}
			}
			removed, err := collector.Collect(t.Context(), time.Hour, contenttest.Named())
			if err != nil {
				t.Fatalf("%s before request %d: %v", name, step, err)
			}
			collected.before = nil
			if !acted {
				steps = step
				break
			}
			if promised {
				promises++
				if !contenttest.Has(t, holder, digest) {
					t.Errorf("%s before request %d: it was promised and is gone (%d removed)", name, step, removed)
				}
			}
			emptyBucket(t, collected.url)
		}
		if steps < 6 || promises == 0 {
			t.Errorf("%s: %d steps, %d promises", name, steps, promises)
		}
		emptyBucket(t, withPrefix(s.URL, name))
	}
}

func emptyBucket(t *testing.T, url string) {
	t.Helper()
	bucket := openObjects(t, url)
	err := bucket.List(t.Context(), "", func(o content.Object) error { return bucket.Remove(t.Context(), o.Key) })
	if err != nil {
		t.Fatal(err)
	}
}

// What a killed collection has set aside is put back, when it is old.
func TestContentOfKilledCollectionIsPutBack(t *testing.T) {
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		p := newBucketPlace(t, s.URL)
		store, bucket := p.open(t, 30*time.Second), openObjects(t, s.URL)
		digest := contenttest.Put(t, store, "data")
		name := strings.Replace(digest.String(), ":", "-", 1)
		if err := bucket.Copy(t.Context(), "collected/"+name+".KILLED", "content/"+name); err != nil {
			t.Fatal(err)
		}
		if err := bucket.Remove(t.Context(), "content/"+name); err != nil {
			t.Fatal(err)
		}
		sweep := func(want bool) {
			t.Helper()
			if removed, err := store.SweepUploads(t.Context(), time.Hour); removed != 0 || err != nil {
				t.Errorf("sweep: %d, %v", removed, err)
			}
			if contenttest.Has(t, store, digest) != want {
				t.Errorf("after a sweep it is there: %v", !want)
			}
		}
		sweep(false) // the collection may still be at it
		p.Age(t)
		sweep(true)
		if removed, err := store.Collect(t.Context(), time.Hour, contenttest.Named()); removed != 0 || err != nil {
			t.Errorf("what was put back is not new: %d, %v", removed, err)
		}
		if got, err := contenttest.Read(t, store, digest); err != nil || string(got) != "data" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func openObjects(t *testing.T, url string) content.Objects {
	t.Helper()
	bucket, err := objects.Open(t.Context(), content.ObjectOptions{URL: url, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return bucket
}

// A bucket that gives other bytes than those that were stored: who reads all is not told
// that all is well.
func TestDamagedContentInBuckets(t *testing.T) {
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		p := newBucketPlace(t, s.URL)
		store := p.open(t, 30*time.Second)
		bucket := openObjects(t, s.URL)
		digest := contenttest.Put(t, store, "what was stored")
		key := "content/" + strings.Replace(digest.String(), ":", "-", 1)
		for _, other := range []string{"what was st0red", "what was", "what was stored, and more"} {
			if err := bucket.Write(t.Context(), key, strings.NewReader(other)); err != nil {
				t.Fatal(err)
			}
			got, err := contenttest.Read(t, store, digest)
			var damaged *content.DamagedError
			if !errors.As(err, &damaged) || damaged.Digest != digest {
				t.Errorf("%q: read %q, %v", other, got, err)
			}
		}
		if err := bucket.Write(t.Context(), key, strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
		if contenttest.Has(t, store, digest) {
			t.Error("an empty object is content")
		}
		if contenttest.Put(t, store, "what was stored"); !contenttest.Has(t, store, digest) {
			t.Error("it cannot be mended")
		}
		if err := bucket.Remove(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if contenttest.Has(t, store, digest) {
			t.Error("what was lost is there")
		}
	})
}

// A bucket that is silent, away, or refuses: each call ends, says so, and tells no
// secrets; when it is over, all is as before.
func TestBucketThatFails(t *testing.T) {
	s := buckets.S3(t)
	p := newBucketPlace(t, s.URL)
	store := p.open(t, time.Second)
	digest := contenttest.Put(t, store, "data")
	calls := map[string]func() error{
		"Has":  func() error { _, err := store.Has(t.Context(), digest); return err },
		"Open": func() error { _, err := store.Open(t.Context(), digest); return err },
		"Put": func() error {
			_, err := store.Put(t.Context(), protocol.HashOf([]byte("more")), strings.NewReader("more"), nil)
			return err
		},
		"Collect": func() error { _, err := store.Collect(t.Context(), time.Hour, contenttest.Named()); return err },
	}
	mustFail := func(what, state string) {
		t.Helper()
		for name, call := range calls {
			err := call()
			var unavailable *content.UnavailableError
			switch {
			case !errors.As(err, &unavailable):
				t.Errorf("%s, %s: %v", what, name, err)
			case !strings.Contains(err.Error(), state), strings.Contains(err.Error(), os.Getenv("AWS_SECRET_ACCESS_KEY")), strings.Contains(err.Error(), "X-Amz-Signature="):
				t.Errorf("%s, %s says %v", what, name, err)
			}
		}
	}
	s.Pause(t)
	mustFail("a silent bucket", "does not answer")
	s.Resume(t)
	if got, err := contenttest.Read(t, store, digest); err != nil || string(got) != "data" {
		t.Errorf("afterwards: %q, %v", got, err)
	}

	var unavailable *content.UnavailableError
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
	wrong, err := objects.Open(t.Context(), content.ObjectOptions{URL: s.URL, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	spool, err := content.OpenFolder(t.TempDir(), content.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = content.OpenBucket(t.Context(), wrong, spool, content.BucketOptions{})
	if !errors.As(err, &unavailable) || strings.Contains(err.Error(), "another-secret") {
		t.Errorf("with the wrong secret: %v", err)
	}
}

// Who has a signed URL may do what it is for, and nothing else.
func TestSignedURLs(t *testing.T) {
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		store := newBucketPlace(t, s.URL).open(t, 30*time.Second)
		digest := contenttest.Put(t, store, "data")
		url, err := store.DownloadURL(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(plainHTTP(url))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/wasm" {
			t.Errorf("GET: %s, %v", response.Status, response.Header)
		}
	})
}

// keysBelow are the keys of the objects with a prefix.
func keysBelow(t *testing.T, url, prefix string) (keys []string) {
	t.Helper()
	err := openObjects(t, url).List(t.Context(), prefix, func(o content.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// plainHTTP is a signed URL of a server without TLS. The library signs https for Google
// Cloud Storage.
func plainHTTP(url string) string { return strings.Replace(url, "https://", "http://", 1) }

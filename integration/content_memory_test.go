package integration

import (
	"crypto/sha256"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/objects"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	largeUpload = 100 << 20 // bytes
	// What may be allocated for an upload or download of any size, in bytes: all that ever
	// is, not only what is in use at a time. So no collection of garbage has to come in time.
	allocatedAtMost = 28 << 20
)

// However large content is, it passes through the server in pieces.
func TestLargeContentInBucketsTakesLittleMemory(t *testing.T) {
	eachBucket(t, func(t *testing.T, s *buckets.Server) {
		bucket, err := objects.Open(t.Context(), content.ObjectOptions{URL: s.URL, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		spool, err := content.OpenFolder(t.TempDir(), content.FolderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		store, err := content.OpenBucket(t.Context(), bucket, spool, content.BucketOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })

		digest := hashOf(t, zeros(largeUpload))
		allocatesLittle(t, "upload", func() {
			if n, err := store.Put(t.Context(), digest, zeros(largeUpload), nil); err != nil || n != largeUpload {
				t.Fatal(n, err)
			}
		})
		allocatesLittle(t, "download", func() {
			c, err := store.Open(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if n, err := io.Copy(io.Discard, c); err != nil || n != largeUpload {
				t.Fatal(n, err)
			}
		})
	})
}

func allocatesLittle(t *testing.T, what string, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%s of %d MiB: allocated %.1f MiB", what, largeUpload>>20, float64(allocated)/(1<<20))
	if allocated > allocatedAtMost {
		t.Errorf("%s of %d MiB: allocated %d MiB, want at most %d", what, largeUpload>>20, allocated>>20, allocatedAtMost>>20)
	}
}

// zeros reads so many zeros.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func hashOf(t *testing.T, r io.Reader) protocol.Hash {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return protocol.Hash(h.Sum(nil))
}

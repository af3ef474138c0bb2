package mirror_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// A mirror under a witness policy takes over what a quorum has cosigned and nothing behind it,
// and goes on when they have seen more.
func TestMirrorUnderWitnesses(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 2)
	key := witnesstest.NewKey("w.example/one")
	policy, err := witness.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nquorum one\n", u.NoteKeys[0].VKeys()[0], key.VKey))
	u.Must(err)
	var away atomic.Bool
	var last atomic.Pointer[[]byte] // note that was cosigned
	var asked atomic.Int64          // for notes of the records log
	u.lie(func(path string, answer []byte) []byte {
		if path != "/"+tlog.Records.Path()+"/"+tlog.CheckpointPath {
			return answer
		}
		asked.Add(1)
		if head, err := tlog.HeadOf(answer); err == nil && head.Size > 0 && !away.Load() {
			signed := append(slices.Clone(answer), key.Cosign(t, answer, uint64(time.Now().Unix()))...)
			last.Store(&signed)
		}
		if signed := last.Load(); signed != nil {
			return *signed
		}
		return answer
	})
	logged := func() uint64 { // size of the upstream's checkpoints log
		answer, err := http.Get(u.server.URL + "/" + tlog.Checkpoints.Path() + "/" + tlog.CheckpointPath)
		u.Must(err)
		defer answer.Body.Close()
		note, err := io.ReadAll(answer.Body)
		u.Must(err)
		head, err := tlog.HeadOf(note)
		u.Must(err)
		return head.Size
	}
	c := newCopy(t, u, func(r *federation.Registry) { r.Witnesses = policy })
	before := c.await(u)

	away.Store(true)
	known := logged()
	u.Load("example:two", 3)
	u.Eventually("the upstream has logged more checkpoints", func() bool { return logged() > known })
	enough := asked.Load() + 3
	u.Eventually("the mirror asks what witnesses have seen", func() bool { return asked.Load() > enough })
	got, err := c.LatestCheckpoint(context.Background())
	u.Must(err)
	if got != before {
		t.Errorf("while the witnesses are away the mirror went from %d records to %d", before.Contents.LogLength, got.Contents.LogLength)
	}
	away.Store(false)
	c.check(u)
	if claims := c.observed.claims(); len(claims) > 0 {
		t.Errorf("an honest upstream was caught: %q", claims)
	}
}

package mirror_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// notFollowed tells whether it is a remark that the upstream is not followed.
func (c *copied) notFollowed() bool {
	return strings.Contains(strings.Join(c.Remarks(), " "), "it is not followed since")
}

// withhold has the upstream's operator withhold a content.
func (u *upstream) withhold(text string) {
	page, err := u.Withheld(context.Background(), 0)
	u.Must(err)
	signed, err := withheld.NewChain(page.Origin).Next(withheld.Statement{
		Action: withheld.Withhold, Digest: protocol.HashOf([]byte(text)), Time: time.Now().UTC().Truncate(time.Second), Reason: "a test",
	}).Sign(u.Key)
	u.Must(err)
	u.Must(u.Withhold(context.Background(), signed))
}

// An upstream whose checkpoints log stands still while it publishes is not followed, and that is
// said; what its operator withholds is withheld all the same.
func TestMirrorOfUpstreamWithStuckCheckpointsLog(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	c := newCopy(t, u)
	c.await(u)
	u.Eventually("the content is here", func() bool { return c.has("example:one") })
	path := "/" + tlog.Checkpoints.Path() + "/" + tlog.CheckpointPath
	answer, err := http.Get(u.server.URL + path)
	u.Must(err)
	defer answer.Body.Close()
	old, err := io.ReadAll(answer.Body)
	u.Must(err)
	var asked atomic.Int64
	u.lie(onPath(path, func([]byte) []byte { asked.Add(1); return old }))
	u.Load("example:two", 1)
	u.Eventually("the mirror looks for the newest checkpoint", func() bool { return asked.Load() > 2 })
	if c.notFollowed() {
		t.Errorf("at once it says %q", c.Remarks())
	}
	u.withhold("example:one")
	u.Eventually("the content is withheld", func() bool {
		_, err := c.readContent("example:one")
		return errors.As(err, new(*registry.WithheldError))
	})
	c.ahead.Store(int64(2 * time.Minute))
	u.Eventually("it is said that the upstream is not followed", c.notFollowed)
	u.lie(nil)
	c.await(u)
	u.Eventually("it is followed again", func() bool { return !c.notFollowed() })
}

// An upstream that answers for its list of withheld content alone is not followed.
func TestMirrorOfUpstreamWithoutCheckpoint(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	c := newCopy(t, u)
	c.await(u)
	var lists atomic.Int64
	u.lie(func(path string, answer []byte) []byte {
		switch path {
		case "/" + api.FetchCheckpointPath:
			return nil
		case "/v1/withheld":
			lists.Add(1)
		}
		return answer
	})
	u.Eventually("it is asked for its list", func() bool { return lists.Load() > 1 })
	c.ahead.Store(int64(2 * time.Minute))
	seen := lists.Load()
	u.Eventually("it is asked again", func() bool { return lists.Load() > seen+2 })
	if !c.notFollowed() {
		t.Errorf("it says %q", c.Remarks())
	}
}

// Wrong note keys, at first sight, are met again until a note is by them.
func TestMirrorMeetsNoteKeysAgain(t *testing.T) {
	u, other := newUpstream(t, true), newUpstream(t, true)
	u.Load("example:one", 1)
	wrong := []byte(strings.Join(other.NoteKeys[0].VKeys(), "\n") + "\n")
	u.lie(onPath("/"+tlog.Records.Path()+"/"+mirror.VKeysPath, func([]byte) []byte { return wrong }))
	c := newCopy(t, u)
	c.await(u)
	u.Eventually("it is caught", func() bool { return slices.Contains(c.observed.claims(), "note") })
	u.lie(nil)
	u.Eventually("the note is here", func() bool {
		n, err := c.LogNote(context.Background(), tlog.Records)
		return err == nil && len(n) > 0
	})
}

// A mirror that ended between the records and their note takes the note over when it begins
// again, also of an upstream that is idle.
func TestMirrorTakesNoteOfIdleUpstream(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	u.lie(func(path string, answer []byte) []byte {
		if strings.HasSuffix(path, "/"+mirror.VKeysPath) {
			return nil
		}
		return answer
	})
	c := newCopy(t, u)
	c.await(u)
	c.close()
	u.lie(nil)
	c.start()
	u.Eventually("the note is here", func() bool {
		n, err := c.LogNote(context.Background(), tlog.Records)
		return err == nil && len(n) > 0
	})
}

package mirror_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// has tells whether a content is in the mirror's store, without asking for it.
func (c *copied) has(text string) bool {
	name := strings.Replace(protocol.HashOf([]byte(text)).String(), ":", "-", 1)
	_, err := os.Stat(filepath.Join(c.dir, "content", "files", name))
	return err == nil
}

// A content that an upstream does not give as it must be keeps back none of the others; and it
// is asked for again by the next process.
func TestMirrorFetchesContentBehindOneThatItCanNotHave(t *testing.T) {
	for what, lie := range map[string]func([]byte) []byte{
		"another one": flipFirst, "a part of it": func(b []byte) []byte { return b[:len(b)-1] }, "none": func([]byte) []byte { return nil },
		"one that is too large": func([]byte) []byte { return make([]byte, 2<<20) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, true)
			u.Load("example:one", 1)
			u.LoadAtOnce(4, 70) // more than is looked through at a time
			u.Load("example:later", 1)
			digest := strings.TrimPrefix(protocol.HashOf([]byte("example:one")).String(), "sha256:")
			u.lie(func(path string, answer []byte) []byte {
				if strings.HasPrefix(path, "/content/") && strings.Contains(path, digest) {
					return lie(answer)
				}
				return answer
			})
			c := newCopy(t, u)
			c.await(u)
			u.Eventually("what comes behind it is here", func() bool { return c.has("example:later") })
			u.Eventually("it is said that one is not", func() bool { return strings.Contains(strings.Join(c.Remarks(), " "), "1 of its contents") })
			if c.has("example:one") {
				t.Error("it took another content for one")
			}
			c.close()
			u.lie(nil)
			c.start()
			u.Eventually("it is here when the upstream gives it", func() bool { return c.has("example:one") })
		})
	}
}

// That no content can be stored is a remark, once it lasts, and ends when it can be again.
func TestMirrorThatCanNotStoreContent(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	c := newCopy(t, u)
	c.await(u)
	u.Eventually("the content is here", func() bool { return c.has("example:one") })
	files, away := filepath.Join(c.dir, "content", "tmp"), filepath.Join(c.dir, "away")
	c.must(os.Rename(files, away))
	u.Load("example:two", 1)
	c.await(u)
	c.ahead.Store(int64(2 * time.Minute))
	u.Eventually("it is said that content is not fetched", func() bool {
		c.ahead.Add(int64(time.Second))
		return strings.Contains(strings.Join(c.Remarks(), " "), "its content is not fetched since")
	})
	c.must(os.Rename(away, files))
	u.Load("example:three", 1) // wakes it
	u.Eventually("all is here", func() bool { return c.has("example:two") && c.has("example:three") })
	u.Eventually("nothing is said any more", func() bool { return len(c.Remarks()) == 0 })
}

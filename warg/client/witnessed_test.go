package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

const notePath = "tlog/records/checkpoint"

// file is a file that the registry serves; nil if it does not.
func (r *registry) file(path string) []byte {
	answer := httptest.NewRecorder()
	r.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+path, nil))
	if answer.Code != http.StatusOK {
		return nil
	}
	return answer.Body.Bytes()
}

// note waits until the registry's signed tree head has a size at least.
func (r *registry) note(t *testing.T, size uint64) []byte {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		note := r.file(notePath)
		if head, err := tlog.HeadOf(note); err == nil && head.Size >= size {
			return note
		}
	}
	t.Fatalf("there is no tree head of %d leaves", size)
	return nil
}

func parsePolicy(t *testing.T, logVKey string, w *witnesstest.Key) *witness.Policy {
	t.Helper()
	policy, err := witness.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness w %s\nquorum w\n", logVKey, w.VKey))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// What a client uses must be in a tree head that a quorum has cosigned, and that is of
// the same log as the checkpoint.
func TestWitnesses(t *testing.T) {
	r := sharedRegistry(t)
	c, key, n := r.client(t, client.Options{}), newKey(t), name(t, "example:witnessed")
	publish(t, c, n, key, nil, client.Init(key.Public()))
	p := publish(t, c, n, key, nil, client.Grant(key.Public(), protocol.PermissionYank))
	covers := r.note(t, p.HeadIndex+1)
	length := p.Checkpoint.Contents.LogLength
	root := p.Checkpoint.Contents.LogRoot
	// The log grows: the tree head that covers the head is an older one by now.
	publish(t, c, name(t, "example:witnessed-later"), key, nil, client.Init(key.Public()))

	w := witnesstest.NewKey("witness.example.org/w")
	vkey, _, _ := strings.Cut(string(r.file("tlog/records/vkeys")), "\n")
	policy := parsePolicy(t, vkey, w)
	now := uint64(time.Now().Unix())
	cosigned := func(note []byte, seconds uint64) []byte {
		return append(append([]byte{}, note...), w.Cosign(t, note, seconds)...)
	}
	origin := strings.SplitN(vkey, "+", 2)[0]
	other := witnesstest.NewLog(t, origin, false)
	others := parsePolicy(t, other.VKeys()[0], w)

	for _, test := range []struct {
		what   string
		policy *witness.Policy
		note   func() []byte
		age    time.Duration
		claim  client.Claim // "": all is well
		says   string
	}{
		{"cosigned", policy, func() []byte { return cosigned(r.note(t, length+1), now) }, 0, "", ""},
		{"cosigned, older than the checkpoint", policy, func() []byte { return cosigned(covers, now) }, time.Hour, "", ""},
		{"not cosigned", policy, func() []byte { return covers }, 0, client.ClaimWitnesses, "quorum"},
		{"cosigned by another", policy, func() []byte {
			return append(append([]byte{}, covers...), witnesstest.NewKey("other").Cosign(t, covers, now)...)
		}, 0, client.ClaimWitnesses, "quorum"},
		{"cosigned long ago", policy, func() []byte { return cosigned(covers, now-7200) }, time.Hour, client.ClaimAge, "witnesses"},
		{"of an unknown log", others, func() []byte { return cosigned(covers, now) }, 0, client.ClaimWitnesses, "signed by no key"},
		{"no note", policy, func() []byte { return []byte("nothing") }, 0, client.ClaimWitnesses, "not a signed note"},
		{"too small", others, func() []byte { return cosigned(other.Sign(t, 2, root), now) }, 0, client.ClaimWitnesses, "not seen it yet"},
		{"forked", others, func() []byte { return cosigned(other.Note(t, r.size(t), "another"), now) }, 0, client.ClaimWitnesses, "the log is forked"},
		{"forked and older", others, func() []byte { return cosigned(other.Note(t, length, "another"), now) }, 0, client.ClaimConsistency, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			url := lie(t, r, func(path string, _, answer []byte) []byte {
				if path == notePath {
					return test.note()
				}
				return answer
			})
			store := new(client.MemoryStore)
			c := newClient(t, url, client.Options{Witnesses: test.policy, MaxCheckpointAge: test.age, MaxWait: -1, Store: store})
			got, err := c.Package(t.Context(), n)
			if test.claim == "" {
				if err != nil || got.Head != p.Head {
					t.Errorf("%v", err)
				}
				return
			}
			refused(t, err, test.claim)
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if _, known, err := c.Remembered(t.Context()); known || err != nil {
				t.Errorf("what was not proved is remembered: %v", err)
			}
		})
	}

	t.Run("no such file", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, request *http.Request) {
			if strings.Contains(request.URL.Path, notePath) {
				http.NotFound(w, request)
				return
			}
			r.handler.ServeHTTP(w, request)
		})
		_, err := newClient(t, url, client.Options{Witnesses: policy, MaxWait: -1}).Package(t.Context(), n)
		refused(t, err, client.ClaimWitnesses)
	})
	t.Run("cosigned a moment later", func(t *testing.T) {
		asked := 0
		url := lie(t, r, func(path string, _, answer []byte) []byte {
			if path != notePath {
				return answer
			}
			if asked++; asked < 3 {
				return covers
			}
			return cosigned(covers, now)
		})
		if _, err := newClient(t, url, client.Options{Witnesses: policy}).Package(t.Context(), n); err != nil || asked != 3 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

// size is the length of the latest checkpoint.
func (r *registry) size(t *testing.T) uint64 {
	t.Helper()
	checkpoint, err := newClient(t, r.url, client.Options{}).Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.Contents.LogLength
}

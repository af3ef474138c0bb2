package proxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	wargregistry "github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

const recordsNote = "/tlog/records/checkpoint"

// witnessedRegistry is a registry whose tree heads are cosigned on their way to the proxy.
type witnessedRegistry struct {
	*registry
	vkey string // of its records log
	keys []*witnesstest.Key
}

func newWitnessedRegistry(t *testing.T) *witnessedRegistry {
	r := &witnessedRegistry{registry: newRegistry(t), keys: []*witnesstest.Key{witnesstest.NewKey("w.example/one"), witnesstest.NewKey("w.example/two")}}
	vkeys := r.fetch("/tlog/records/vkeys")
	r.vkey, _, _ = strings.Cut(string(vkeys), "\n")
	return r
}

// policy demands all witnesses.
func (r *witnessedRegistry) policy(vkey string) *witness.Policy {
	r.t.Helper()
	policy, err := witness.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nwitness two %s\ngroup both all one two\nquorum both\n", vkey, r.keys[0].VKey, r.keys[1].VKey))
	if err != nil {
		r.t.Fatal(err)
	}
	return policy
}

// under has a proxy demand a policy.
func under(policy *witness.Policy) func(*federation.Registry) {
	return func(of *federation.Registry) { of.Witnesses = policy }
}

// cosign returns a note with cosignatures of some witnesses, of a time.
func (r *witnessedRegistry) cosign(note []byte, at time.Time, by ...*witnesstest.Key) []byte {
	all := bytes.Clone(note)
	for _, key := range by {
		all = append(all, key.Cosign(r.t, note, uint64(at.Unix()))...)
	}
	return all
}

// cosigned has what all witnesses cosign be served.
func (r *witnessedRegistry) cosigned() {
	r.lying.ChangePath(recordsNote, func(note []byte) []byte { return r.cosign(note, time.Now(), r.keys...) })
}

// note waits until the signed tree head has all records, and returns it without cosignatures.
func (r *witnessedRegistry) note() []byte {
	r.t.Helper()
	latest, err := r.author.Checkpoint(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		note := r.fetch(recordsNote)
		if head, err := tlog.HeadOf(note); err == nil && head.Size >= latest.Contents.LogLength {
			return note
		}
	}
	r.t.Fatal("there is no tree head of all records")
	return nil
}

// What a proxy passes on of a registry under a witness policy is in a tree head that a quorum
// has cosigned; otherwise the registry is caught.
func TestWitnesses(t *testing.T) {
	r := newWitnessedRegistry(t)
	r.wait = 200 * time.Millisecond
	before := r.note()
	r.release("example:tool", "2.0.0")
	note := r.note()
	head, err := tlog.HeadOf(note)
	if err != nil {
		t.Fatal(err)
	}
	now, one, two := time.Now(), r.keys[0], r.keys[1]
	ours := r.policy(r.vkey)
	double := witnesstest.NewLog(t, head.Origin, false) // what the key of the log could have signed
	others := r.policy(double.VKeys()[0])
	stranger := witnesstest.NewKey("w.example/three")
	stranger.Name = two.Name
	forged := two.Cosign(t, note, uint64(now.Unix())) // with some other letters in its signature
	forged = forged[:len(forged)-8] + strings.Map(func(c rune) rune { return 'A' + (c+1)%26 }, forged[len(forged)-8:len(forged)-4]) + forged[len(forged)-4:]

	for _, test := range []struct {
		what   string
		policy *witness.Policy
		note   []byte // nil: there is none
		claim  string // "": all is well
		says   string
	}{
		{"quorum", ours, r.cosign(note, now, one, two), "", ""},
		{"quorum, long ago", ours, r.cosign(note, now.Add(-1000*time.Hour), one, two), "", ""}, // no age is demanded
		{"no quorum", ours, r.cosign(note, now, one), "witnesses", "short of its quorum"},
		{"nobody", ours, note, "witnesses", "short of its quorum"},
		{"one twice", ours, r.cosign(note, now, one, one), "witnesses", "short of its quorum"},
		{"a stranger of the same name", ours, r.cosign(note, now, one, stranger), "witnesses", "short of its quorum"},
		{"a forged cosignature", ours, append(r.cosign(note, now, one), forged...), "witnesses", "short of its quorum"},
		{"a cosignature of another tree head", ours, append(r.cosign(note, now, one), two.Cosign(t, before, uint64(now.Unix()))...), "witnesses", "short of its quorum"},
		{"a cosignature of no time", ours, append(r.cosign(note, now, one), two.Cosign(t, note, 0)...), "witnesses", "short of its quorum"},
		{"an older tree head", ours, r.cosign(before, now, one, two), "witnesses", "not seen it yet"},
		{"another log's", others, r.cosign(note, now, one, two), "witnesses", "signed by no key"},
		{"a fork", others, r.cosign(double.Note(t, head.Size, "fork"), now, one, two), "witnesses", "the log is forked"},
		{"a longer fork", others, r.cosign(double.Note(t, head.Size+1, "fork"), now, one, two), "consistency", ""},
		{"no note", ours, nil, "witnesses", ""},
		{"no note of a log", ours, []byte("none"), "witnesses", "not a signed note"},
	} {
		t.Run(test.what, func(t *testing.T) {
			r.lying.Honest()
			r.lying.Serve(recordsNote, test.note)
			h := r.answerFor(t, t.TempDir(), under(test.policy))
			err := tool(r.registry, h)
			if test.claim == "" {
				if lines := h.proxy.Remarks(); err != nil || len(lines) != 0 || len(h.claims()) != 0 {
					t.Errorf("%v, remarks %q", err, lines)
				}
				return
			}
			h.pass()
			_, err = h.proxy.LatestCheckpoint(t.Context())
			var caught *wargregistry.UpstreamError
			if !errors.As(err, &caught) || !strings.Contains(err.Error(), test.says) || !slices.Equal(h.claims(), []string{test.claim}) {
				t.Errorf("claims %q: %v", h.claims(), err)
			}
		})
	}
}

// The newest checkpoint of a proxy is one that witnesses have cosigned to its end: while they
// are behind, the one before; and when they are behind for too long, the registry is caught.
func TestWitnessesBehind(t *testing.T) {
	r := newWitnessedRegistry(t)
	r.wait = time.Hour
	old := r.note()
	r.cosigned()
	h := r.answerFor(t, t.TempDir(), under(r.policy(r.vkey)))
	length := func(want uint64) {
		t.Helper()
		h.pass()
		c, err := h.proxy.LatestCheckpoint(t.Context())
		if err != nil || c.Contents.LogLength != want {
			t.Errorf("length %d, want %d: %v", c.Contents.LogLength, want, err)
		}
	}
	size := func(note []byte) uint64 {
		head, err := tlog.HeadOf(note)
		if err != nil {
			t.Fatal(err)
		}
		return head.Size
	}
	length(size(old))

	r.release("example:tool", "2.0.0")
	middle := r.note()
	r.lying.Serve(recordsNote, r.cosign(old, time.Now(), r.keys...))
	length(size(old))
	if err := tool(r.registry, h); err != nil {
		t.Errorf("what was cosigned: %v", err)
	}
	// The log grows all the time: what was newest a moment ago is passed on once it is cosigned.
	r.release("example:tool", "3.0.0")
	r.lying.Serve(recordsNote, r.cosign(middle, time.Now(), r.keys...))
	length(size(middle))
	length(size(middle))
	if len(h.claims()) != 0 || len(h.proxy.Remarks()) != 0 {
		t.Errorf("claims %q, remarks %q", h.claims(), h.proxy.Remarks())
	}

	h.passBy(r.wait)
	var caught *wargregistry.UpstreamError
	if _, err := h.proxy.LatestCheckpoint(t.Context()); !errors.As(err, &caught) || !slices.Equal(h.claims(), []string{"witnesses"}) {
		t.Errorf("behind for too long: claims %q, %v", h.claims(), err)
	}
	latest := size(r.note())
	r.lying.Honest()
	r.cosigned()
	length(latest)
	if err := h.read(r.registry, "example:tool"); err != nil {
		t.Error(err)
	}

	// One that knows nothing yet waits.
	young := r.answerFor(t, t.TempDir(), under(r.policy(r.vkey)))
	asked := 0
	r.lying.ChangePath(recordsNote, func(note []byte) []byte {
		if asked++; asked < 4 {
			return r.cosign(middle, time.Now(), r.keys...)
		}
		return note
	})
	if c, err := young.proxy.LatestCheckpoint(t.Context()); err != nil || c.Contents.LogLength != latest || asked < 4 {
		t.Errorf("length %d, want %d, asked %d times: %v", c.Contents.LogLength, latest, asked, err)
	}
}

// fetch reads a file of the registry itself; nil if there is none.
func (r *registry) fetch(path string) []byte {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return nil
	}
	return body
}

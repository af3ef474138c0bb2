package proxy_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	wargregistry "github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// lie is something that another registry should not get away with.
type lie struct {
	name string
	tell func(r *registry)                // begins it
	ask  func(r *registry, h *home) error // is to fail
	want []string                         // claims; one of them does not hold; nil: it is taken to be away
}

// tool reads example:tool, and its content.
func tool(r *registry, h *home) error { return h.read(r, "example:tool") }

// checkpoint asks for the newest.
func checkpoint(_ *registry, h *home) error {
	_, err := h.proxy.LatestCheckpoint(h.t.Context())
	return err
}

// sign has the liar serve a checkpoint that differs from the honest one.
func (r *registry) sign(key protocol.PrivateKey, change func(*protocol.TimestampedCheckpoint)) protocol.SignedCheckpoint {
	r.t.Helper()
	honest, err := r.author.Checkpoint(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	contents := honest.Contents
	change(&contents)
	signed := contents.Sign(key)
	r.serve(signed)
	return signed
}

func (r *registry) serve(c protocol.SignedCheckpoint) {
	r.t.Helper()
	text, err := c.MarshalJSON()
	if err != nil {
		r.t.Fatal(err)
	}
	r.lying.Serve("/"+api.FetchCheckpointPath, text)
}

// changeLogs changes the records of packages in answers.
func (r *registry) changeLogs(change func([]api.PublishedRecord) []api.PublishedRecord) {
	r.lying.ChangePath("/"+api.FetchLogsPath, func(body []byte) []byte {
		var answer api.FetchLogsResponse
		if err := answer.UnmarshalJSON(body); err != nil {
			r.t.Error(err)
			return body
		}
		for i := range answer.Packages {
			answer.Packages[i].Value = change(answer.Packages[i].Value)
		}
		return answer.AppendJSON(nil)
	})
}

// changeContent changes what is downloaded.
func (r *registry) changeContent(change func([]byte) []byte) {
	r.lying.Change(func(a *liar.Answer) {
		switch {
		case strings.HasPrefix(a.Path, "/v1/content/"): // leads to the liar, and says no size
			a.Body = bytes.ReplaceAll(a.Body, []byte(r.url), []byte(r.lying.URL))
		case strings.HasPrefix(a.Path, "/content/"):
			a.Body = change(bytes.Clone(a.Body))
		}
	})
}

// changeProof flips a bit of the last hash of a proof, a member of an answer.
func changeProof(path, member string) func(*registry) {
	return func(r *registry) {
		r.lying.ChangePath("/"+path, func(body []byte) []byte {
			before, rest, _ := bytes.Cut(body, []byte(`"`+member+`":"`))
			text, after, _ := bytes.Cut(rest, []byte(`"`))
			proof, err := base64.StdEncoding.DecodeString(string(text))
			if err != nil || len(proof) < 32 {
				r.t.Errorf("no proof in %s: %v", body, err)
				return body
			}
			proof[len(proof)-1] ^= 1
			return slices.Concat(before, []byte(`"`+member+`":"`+base64.StdEncoding.EncodeToString(proof)+`"`), after)
		})
	}
}

func lies() []lie {
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	last := func(records []api.PublishedRecord) *api.PublishedRecord { return &records[len(records)-1] }
	return []lie{
		{"it goes back", func(r *registry) {
			r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.LogLength-- })
		}, checkpoint, []string{"consistency"}},
		{"another log of the same length", func(r *registry) {
			r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.LogRoot[7] ^= 1 })
		}, checkpoint, []string{"consistency"}},
		{"another map of the same length", func(r *registry) {
			r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.MapRoot[7] ^= 1 })
		}, checkpoint, []string{"consistency"}},
		{"a longer log that does not continue the other", func(r *registry) {
			r.release("example:more", "1.0.0")
			r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.LogRoot[7] ^= 1 })
		}, checkpoint, []string{"consistency"}},
		{"a longer log that nobody has", func(r *registry) {
			r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.LogLength += 5 })
		}, checkpoint, nil}, // or two of its servers were asked, one of which is behind
		{"a stranger signs", func(r *registry) {
			r.sign(newKey(r.t), func(c *protocol.TimestampedCheckpoint) { c.Timestamp++ })
		}, checkpoint, []string{"checkpoint signature"}},
		{"a signature of something else", func(r *registry) {
			signed := r.sign(r.key, func(c *protocol.TimestampedCheckpoint) { c.Timestamp++ })
			signed.Contents.Timestamp++
			r.serve(signed)
		}, checkpoint, []string{"checkpoint signature"}},
		{"consistency with nothing", func(r *registry) {
			r.release("example:more", "1.0.0")
			changeProof(api.ProveConsistencyPath, "proof")(r)
		}, checkpoint, []string{"consistency"}},
		{"a proof that leads elsewhere", func(r *registry) {
			r.release("example:tool", "9.0.0")
			changeProof(api.ProveInclusionPath, "log")(r)
		}, tool, []string{"inclusion"}},
		{"a map proof that leads elsewhere", func(r *registry) {
			r.release("example:tool", "9.0.0")
			changeProof(api.ProveInclusionPath, "map")(r)
		}, tool, []string{"head"}},
		{"the last record is hidden", func(r *registry) {
			r.release("example:tool", "9.0.0")
			r.changeLogs(func(records []api.PublishedRecord) []api.PublishedRecord { return records[:len(records)-1] })
		}, tool, []string{"inclusion", "head"}},
		{"a record is changed", func(r *registry) {
			r.release("example:tool", "9.0.0")
			r.changeLogs(func(records []api.PublishedRecord) []api.PublishedRecord {
				last(records).Envelope.Content = flip(bytes.Clone(last(records).Envelope.Content))
				return records
			})
		}, tool, []string{"package log"}},
		{"a record is elsewhere", func(r *registry) {
			r.release("example:more", "1.0.0")
			r.release("example:tool", "9.0.0")
			r.changeLogs(func(records []api.PublishedRecord) []api.PublishedRecord {
				last(records).RegistryIndex--
				return records
			})
		}, tool, []string{"inclusion", "package log"}},
		{"a package is gone", func(r *registry) {
			r.release("example:more", "1.0.0")
			r.lying.Change(func(a *liar.Answer) {
				if a.Path == "/"+api.FetchLogsPath && bytes.Contains(a.Request, []byte(parseName(r.t, "example:tool").LogID().String())) {
					a.Status, a.Body = 404, (&api.FetchError{Variant: api.FetchLogNotFound, LogID: parseName(r.t, "example:tool").LogID().Any()}).AppendJSON(nil)
				}
			})
		}, tool, []string{"package log"}},
		{"records that were not asked for", func(r *registry) {
			r.release("example:tool", "9.0.0")
			r.lying.ChangePath("/"+api.FetchLogsPath, func(body []byte) []byte {
				return bytes.ReplaceAll(body, []byte(parseName(r.t, "example:tool").LogID().String()), []byte(protocol.HashOf(nil).String()))
			})
		}, tool, []string{"package log"}},
		{"more records without end", func(r *registry) {
			r.release("example:tool", "9.0.0")
			r.lying.Change(func(a *liar.Answer) {
				if bytes.Contains(a.Request, []byte(parseName(r.t, "example:tool").LogID().String())) {
					a.Body = bytes.Replace(a.Body, []byte(`"more":false`), []byte(`"more":true`), 1)
				}
			})
		}, tool, []string{"package log"}},
		{"the operator's records without end", func(r *registry) {
			r.release("example:tool", "9.0.0")
			first := parseName(r.t, "example:tool").LogID().String()
			var answer []byte // of the first request
			r.lying.Change(func(a *liar.Answer) {
				if a.Path != "/"+api.FetchLogsPath || !bytes.Contains(a.Request, []byte(first)) {
					return
				}
				if answer == nil {
					answer = bytes.Replace(a.Body, []byte(`"more":false`), []byte(`"more":true`), 1)
					a.Body = answer
					return
				}
				var again api.FetchLogsResponse
				if err := again.UnmarshalJSON(answer); err != nil {
					r.t.Error(err)
				}
				again.Packages = nil
				a.Body = again.AppendJSON(nil)
			})
		}, tool, []string{"package log"}},
		{"no answer of the API", func(r *registry) {
			r.release("example:tool", "9.0.0")
			r.lying.ChangePath("/"+api.ProveInclusionPath, func([]byte) []byte { return []byte("<html>") })
		}, tool, []string{"inclusion"}},
		{"another content", func(r *registry) { r.changeContent(flip) }, tool, []string{"content"}},
		{"a longer content", func(r *registry) { r.changeContent(func(b []byte) []byte { return append(b, 'x') }) }, tool, []string{"content"}},
		{"a shorter content", func(r *registry) { r.changeContent(func(b []byte) []byte { return b[:len(b)-1] }) }, tool, []string{"content"}},
		{"an empty content", func(r *registry) { r.changeContent(func([]byte) []byte { return nil }) }, tool, []string{"content"}},
		{"another leaf", func(r *registry) {
			r.lying.ChangePath("/v1/ledger/records/", flip)
		}, func(_ *registry, h *home) error {
			_, err := h.proxy.Leaves(h.t.Context(), 1, 1000)
			return err
		}, []string{"inclusion"}},
		{"another name", func(r *registry) {
			r.lying.ChangePath("/"+api.FetchPackageNamesPath, func(body []byte) []byte {
				return bytes.ReplaceAll(body, []byte("other:tool"), []byte("example:tool"))
			})
		}, func(r *registry, h *home) error {
			_, err := h.proxy.Names(h.t.Context(), []protocol.Hash{parseName(r.t, "other:tool").LogID()})
			return err
		}, []string{"package name"}},
	}
}

// Each lie is caught: the answer is an error that says so, the log, the metrics and the
// remarks say so, too, and when the registry is honest again, all goes on from where it was.
func TestLies(t *testing.T) {
	for _, l := range lies() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			r := newRegistry(t)
			h := r.answerFor(t, t.TempDir(), nil)
			if err := tool(r, h); err != nil {
				t.Fatal(err)
			}
			good, err := h.proxy.LatestCheckpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			l.tell(r)
			h.pass()
			err = l.ask(r, h)
			if err == nil {
				t.Fatal("it got away with it")
			}
			if l.want == nil {
				if len(h.claims()) != 0 || !errors.As(err, new(*wargregistry.UnavailableError)) {
					t.Errorf("caught by %q: %v", h.claims(), err)
				}
				return
			}
			claims := h.claims()
			if len(claims) == 0 || slices.ContainsFunc(claims, func(c string) bool { return !slices.Contains(l.want, c) }) {
				t.Errorf("caught by %q, want %q: %v", claims, l.want, err)
			}
			if lines := h.proxy.Remarks(); len(lines) == 0 || !strings.Contains(lines[0], "it did not prove what it answered") {
				t.Errorf("remarks %q", lines)
			}
			if !strings.Contains(h.log.String(), "level=ERROR") {
				t.Errorf("the log has %s", &h.log)
			}
			var refusal *client.APIError
			if errors.As(err, &refusal) && refusal.Status != http.StatusBadGateway {
				t.Errorf("status %d: %v", refusal.Status, err)
			}
			var public *wargregistry.UpstreamError
			if errors.As(err, &public) && !strings.Contains(public.Public(), "registry `other.example` did not prove") {
				t.Errorf("it says %s", public.Public())
			}
			// The URL, and the addresses, by which it is reached are nobody's business.
			told := strings.Join(h.proxy.Remarks(), "\n")
			if public != nil {
				told += public.Public()
			}
			if refusal != nil {
				told += refusal.Body.Error()
			}
			if strings.Contains(told, "127.0.0.1") || strings.Contains(told, "://") {
				t.Errorf("strangers are told: %s", told)
			}
			// What was verified is served meanwhile.
			if length := good.Contents.LogLength; length > 0 {
				if _, err := h.proxy.ProveConsistency(t.Context(), 1, length); err != nil && slices.Contains(l.want, "content") {
					t.Errorf("what was verified is gone: %v", err)
				}
			}

			r.lying.Honest()
			h.pass()
			if err := tool(r, h); err != nil {
				t.Errorf("once it is honest again: %v", err)
			}
		})
	}
}

// What was verified is remembered across restarts: a registry that goes back meanwhile, or
// that is another one, is caught.
func TestLiesAcrossRestarts(t *testing.T) {
	r := newRegistry(t)
	data := t.TempDir()
	before, err := r.author.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.release("example:tool", "2.0.0")
	h := r.answerFor(t, data, nil)
	if err := checkpoint(r, h); err != nil {
		t.Fatal(err)
	}
	h.proxy.Close()

	r.serve(before)
	var caught *wargregistry.UpstreamError
	again := r.answerFor(t, data, nil)
	if err := checkpoint(r, again); !errors.As(err, &caught) || !strings.Contains(err.Error(), "an earlier one had") {
		t.Errorf("it went back: %v", err)
	}
	r.lying.Honest()
	again.pass()
	if err := checkpoint(r, again); err != nil {
		t.Errorf("once it is honest again: %v", err)
	}

	stranger := r.answerFor(t, t.TempDir(), func(of *federation.Registry) { of.OperatorKey = newKey(t).Public() })
	if err := checkpoint(r, stranger); !errors.As(err, &caught) || !slices.Equal(stranger.claims(), []string{"operator key"}) {
		t.Errorf("with another operator key pinned: %v", err)
	}
	other := newRegistry(t)
	other2 := other.answerFor(t, data, func(of *federation.Registry) { of.OperatorKey = other.key.Public() })
	if err := checkpoint(other, other2); err == nil {
		t.Error("another registry was taken for the one that was known")
	}
}

// What a content on its way gives before it is known to be another one never is all of it.
func TestContentIsNeverComplete(t *testing.T) {
	r := newRegistry(t)
	h := r.answerFor(t, t.TempDir(), nil)
	r.changeContent(func(b []byte) []byte { b[0] ^= 1; return b })
	file := h.url + "/content/" + strings.Replace(r.digests[0].String(), ":", "-", 1)
	response, err := http.Get(file)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err == nil || int64(len(got)) >= response.ContentLength || response.ContentLength == 0 {
		t.Errorf("%d bytes of %d: %v", len(got), response.ContentLength, err)
	}
}

// A registry that is away is no liar; and nothing is at an address that it may not have.
func TestAway(t *testing.T) {
	r := newRegistry(t)
	h := r.answerFor(t, t.TempDir(), nil)
	if err := tool(r, h); err != nil {
		t.Fatal(err)
	}
	r.lying.Change(func(a *liar.Answer) { a.Status = 503 })
	h.pass()
	var away *wargregistry.UnavailableError
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := h.proxy.LatestCheckpoint(ctx); !errors.As(err, &away) || !strings.Contains(away.Public(), "registry other.example") {
		t.Errorf("%v", err)
	}
	if len(h.claims()) != 0 || len(h.proxy.Remarks()) != 1 || !strings.Contains(h.proxy.Remarks()[0], "nothing new is known") {
		t.Errorf("claims %q, remarks %q", h.claims(), h.proxy.Remarks())
	}
	// What other registries say of a circle is said to whoever asked: trying again is in vain.
	r.lying.Change(func(a *liar.Answer) { a.Status = 508 })
	h.pass()
	var loop *wargregistry.LoopError
	if _, err := h.proxy.LatestCheckpoint(ctx); !errors.As(err, &loop) || loop.Domain != "other.example" {
		t.Errorf("in a circle: %v", err)
	}
	// One that is down, where it may be at a private address, is just not reached.
	down := r.answerFor(t, t.TempDir(), func(of *federation.Registry) { of.URL = "http://127.0.0.1:1" })
	if _, err := down.proxy.LatestCheckpoint(ctx); !errors.As(err, &away) || !strings.Contains(away.Public(), "its host cannot be reached") || strings.Contains(away.Public(), "public address") {
		t.Errorf("while it is down: %v", err)
	}
	if told := strings.Join(down.proxy.Remarks(), ""); !strings.Contains(told, "registry other.example") || strings.Contains(told, "127.0.0.1") {
		t.Errorf("strangers are told %s", told)
	}
	private := r.answerFor(t, t.TempDir(), func(of *federation.Registry) {
		of.AllowPrivate = false
		of.URL = strings.Replace(of.URL, "http:", "https:", 1)
	})
	before := private.all()
	if _, err := private.proxy.LatestCheckpoint(ctx); !errors.As(err, &away) || !strings.Contains(away.Public(), "cannot be reached at a public address") {
		t.Errorf("at a private address: %v", err)
	}
	if private.asked["answered"] != before {
		t.Error("a private address answered")
	}
}

package witness_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pusher "github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// What each answer means, how long the witness is left alone then, and that another
// witness is not touched by it.
func TestFailures(t *testing.T) {
	const size = "text/x.tlog.size"
	for _, test := range []struct {
		what              string
		status            int
		contentType, body string
		header            string // Retry-After
		outcome           pusher.Outcome
		says              string
		quiet             time.Duration // no second request before that
	}{
		{"server error", 500, "", "", "", pusher.Unavailable, "status 500", 9 * time.Second},
		{"bad gateway that says when", 502, "", "", "120", pusher.Unavailable, "status 502", 119 * time.Second},
		{"too many requests", 429, "", "", "60", pusher.Unavailable, "status 429", 59 * time.Second},
		{"one that says never", 503, "", "", "4000000000", pusher.Unavailable, "status 503", 59 * time.Minute},
		{"one that says a date", 503, "", "", "Sat, 01 Jan 2000 00:30:00 GMT", pusher.Unavailable, "status 503", 29 * time.Minute},
		{"one that says a past date", 503, "", "", "Sat, 01 Jan 1990 00:30:00 GMT", pusher.Unavailable, "status 503", 9 * time.Second},
		{"one that says nonsense", 503, "", "", "-5", pusher.Unavailable, "status 503", 9 * time.Second},
		{"unknown log", 404, "", "", "", pusher.Misconfigured, "does not know the log", 9 * time.Minute},
		{"unknown key", 403, "", "", "", pusher.Misconfigured, "other keys of the log", 9 * time.Minute},
		{"bad request", 400, "", "", "", pusher.Misconfigured, "status 400", 9 * time.Minute},
		{"redirect", 301, "", "", "", pusher.Misconfigured, "redirects are not followed", 9 * time.Minute},
		{"another success", 204, "", "", "", pusher.Misconfigured, "status 204", 9 * time.Minute},
		{"a proof refused where none is due", 422, "", "", "", pusher.Misconfigured, "status 422", 9 * time.Minute},
		{"conflict without a size", 409, "text/plain", "5\n", "", pusher.AnotherRoot, "another root", 59 * time.Minute},
		{"conflict without anything", 409, "", "", "", pusher.AnotherRoot, "another root", 59 * time.Minute},
		{"the size that was sent", 409, size, "0\n", "", pusher.BadAnswer, "says that this is the size it has", 9 * time.Second},
		{"a larger size", 409, size, "6\n", "", pusher.Ahead, "has cosigned size 6", 9 * time.Second},
		{"the largest size", 409, size + "; charset=utf-8", "18446744073709551615\n", "", pusher.Ahead, "has cosigned size 18446744073709551615", 9 * time.Second},
		{"a size that is too large", 409, size, "18446744073709551616\n", "", pusher.BadAnswer, "no size in decimal", 9 * time.Second},
		{"a size with zeros", 409, size, "05\n", "", pusher.BadAnswer, "no size in decimal", 9 * time.Second},
		{"no size", 409, size, "", "", pusher.BadAnswer, "no size in decimal", 9 * time.Second},
		{"the same smaller size for ever", 409, size, "3\n", "", pusher.Unavailable, "two sizes in turn", 9 * time.Second},
		{"an empty answer", 200, "", "", "", pusher.BadAnswer, "not made of signature lines", 9 * time.Second},
		{"a page", 200, "text/html", "<html>", "", pusher.BadAnswer, "not made of signature lines", 9 * time.Second},
		{"a huge answer", 200, "", strings.Repeat("x", 1<<20), "", pusher.BadAnswer, "has more than 65536 bytes", 9 * time.Second},
		{"a huge refusal", 404, "", strings.Repeat("x", 1<<20), "", pusher.BadAnswer, "with status 404, has more than 65536 bytes", 9 * time.Second},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(t)
				bad := s.witness("bad")
				s.witness("good")
				bad.does(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
					if test.header != "" {
						w.Header().Set("Retry-After", test.header)
					}
					w.Header().Set("Content-Type", test.contentType)
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
					return true
				})
				p := policy(t, "group g any bad good\nquorum g", "bad", "good")
				s.records.grow(5)
				pushes, stop := s.run(p)
				defer stop()
				wait(time.Second)
				got := state(t, pushes, tlog.Records, "bad")
				if got.Outcome != test.outcome || got.Problem == nil || !strings.Contains(got.Problem.Error(), test.says) || got.Alarm != (test.outcome == pusher.AnotherRoot) {
					t.Errorf("%+v; want %q with %q", got, test.outcome, test.says)
				}
				if s.observer.get().outcomes["records bad "+string(test.outcome)] != 1 || s.observer.get().alarms["records bad"] != got.Alarm {
					t.Errorf("observed %v, alarms %v", s.observer.get().outcomes, s.observer.get().alarms)
				}
				if asked := bad.requests(); len(asked) > 2 {
					t.Errorf("asked at once %q", asked)
				}
				if got := state(t, pushes, tlog.Records, "good"); got.Outcome != pusher.Cosigned || s.stored(tlog.Records, p) != "5: good" {
					t.Errorf("the other one: %+v; stored %s", got, s.stored(tlog.Records, p))
				}
				s.records.grow(6)
				wait(test.quiet - 2*time.Second)
				expect(t, "asked again", bad.requests())
				bad.does(nil)
				wait(10*time.Minute + 5*time.Second)
				if got := state(t, pushes, tlog.Records, "bad"); test.quiet < 50*time.Minute && (got.Outcome != pusher.Cosigned || got.Problem != nil || got.CosignedSize != 6) {
					t.Errorf("once it is well again: %+v", got)
				}
			})
		})
	}
}

// Cosignatures that do not count, and some beside them that do.
func TestWrongCosignatures(t *testing.T) {
	stranger := witnesstest.NewKey("stranger.example")
	for _, test := range []struct {
		what string
		line func(t *testing.T, s *setup, key *witnesstest.Key, signed string) string
		says string // "" if it counts
	}{
		{"a time of zero", func(t *testing.T, _ *setup, key *witnesstest.Key, signed string) string {
			return key.Cosign(t, []byte(signed), 0)
		}, "the time zero"},
		{"a time far ahead", func(t *testing.T, _ *setup, key *witnesstest.Key, signed string) string {
			return key.Cosign(t, []byte(signed), uint64(time.Now().Add(2*time.Hour).Unix()))
		}, "and the clock here says"},
		{"a time long ago", func(t *testing.T, _ *setup, key *witnesstest.Key, signed string) string {
			return key.Cosign(t, []byte(signed), 1)
		}, "and the clock here says"},
		{"a time a little ahead", func(t *testing.T, _ *setup, key *witnesstest.Key, signed string) string {
			return key.Cosign(t, []byte(signed), uint64(time.Now().Add(time.Minute).Unix()))
		}, ""},
		{"a stranger's", func(t *testing.T, _ *setup, _ *witnesstest.Key, signed string) string {
			return stranger.Cosign(t, []byte(signed), 1)
		}, "no signature by its key"},
		{"a stranger's beside", func(t *testing.T, _ *setup, key *witnesstest.Key, signed string) string {
			return stranger.Cosign(t, []byte(signed), 1) + key.Cosign(t, []byte(signed), uint64(time.Now().Unix()))
		}, ""},
		{"another log's", func(t *testing.T, s *setup, key *witnesstest.Key, _ string) string {
			s.checkpoints.grow(5)
			signed, _, _ := s.checkpoints.SignedNote(t.Context())
			s.checkpoints.fails(errors.New("not to be sent"))
			return key.Cosign(t, signed, 1)
		}, "its signature is wrong"},
		{"another size's", func(t *testing.T, s *setup, key *witnesstest.Key, _ string) string {
			return key.Cosign(t, s.records.log.Note(t, 4, "root"), 1)
		}, "its signature is wrong"},
		{"another witness's of the policy", func(t *testing.T, _ *setup, _ *witnesstest.Key, signed string) string {
			return witnesstest.NewKey("good.example").Cosign(t, []byte(signed), 1)
		}, "no signature by its key"},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(t)
				s.witness("good").answers(500, "", "")
				s.witness("bad").does(func(w http.ResponseWriter, _ *http.Request, signed string) bool {
					_, _ = io.WriteString(w, test.line(t, s, witnesstest.NewKey("bad.example"), signed))
					return true
				})
				s.records.grow(5)
				p := policy(t, "group g any bad good\nquorum g", "bad", "good")
				pushes, stop := s.run(p)
				defer stop()
				wait(time.Second)
				got := state(t, pushes, tlog.Records, "bad")
				switch {
				case test.says == "" && (got.Outcome != pusher.Cosigned || s.stored(tlog.Records, p) != "5: bad"):
					t.Errorf("%+v", got)
				case test.says != "" && (got.Outcome != pusher.BadAnswer || !strings.Contains(got.Problem.Error(), test.says) || s.stored(tlog.Records, p) != "nothing"):
					t.Errorf("%+v; want %q", got, test.says)
				}
			})
		})
	}
}

// A witness that has another root: the alarm, by its name, which stays until it
// cosigns.
func TestFork(t *testing.T) {
	for what, have := range map[string]struct {
		size     uint64
		refuses  int // the status for another root at an equal size
		problem  string
		requests []string
	}{
		"the same size":           {5, 409, "another root at size 5", []string{"records 0>5", "records 5>5"}},
		"the same size, with 422": {5, 422, "another root at size 5", []string{"records 0>5", "records 5>5"}},
		"a smaller size":          {3, 409, "refuses the consistency proof from size 3 to 5", []string{"records 0>5", "records 3>5"}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(t)
				var said buffer
				s.options.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))
				a, b := s.witness("a"), s.witness("b")
				a.forkStatus = have.refuses
				a.has(s.records.fork(have.size))
				s.records.grow(5)
				p := policy(t, "group g any a b\nquorum g", "a", "b")
				pushes, stop := s.run(p)
				defer stop()
				wait(time.Second)
				expect(t, "requests", a.requests(), have.requests...)
				got := state(t, pushes, tlog.Records, "a")
				if !got.Alarm || got.Outcome != pusher.AnotherRoot || !strings.Contains(got.Problem.Error(), have.problem) {
					t.Errorf("%+v; want %q", got, have.problem)
				}
				if !s.observer.get().alarms["records a"] || s.observer.get().alarms["records b"] || s.observer.get().alarms["checkpoints a"] {
					t.Errorf("alarms %v", s.observer.get().alarms)
				}
				if !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), "witness=a") {
					t.Errorf("logged %q", said.String())
				}
				if s.stored(tlog.Records, p) != "5: b" {
					t.Errorf("stored %s", s.stored(tlog.Records, p))
				}

				for size := range uint64(6) {
					s.records.grow(6 + size)
					wait(9 * time.Minute)
				}
				expect(t, "while it is alarmed", a.requests())
				if len(b.requests()) != 7 {
					t.Error("the other witness is delayed")
				}
				a.answers(500, "", "")
				wait(10 * time.Minute)
				if got := state(t, pushes, tlog.Records, "a"); !got.Alarm || got.Outcome != pusher.Unavailable {
					t.Errorf("another failure takes the alarm back: %+v", got)
				}
				a.does(nil)
				a.has(s.records.head(5))
				wait(time.Hour)
				if got := state(t, pushes, tlog.Records, "a"); got.Alarm || got.Outcome != pusher.Cosigned || s.observer.get().alarms["records a"] {
					t.Errorf("after it has cosigned: %+v", got)
				}
			})
		})
	}
}

// A witness that stays ahead is no passing thing.
func TestAheadForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		var said buffer
		s.options.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))
		s.records.grow(9)
		a := s.witness("a")
		a.has(s.records.head(9))
		s.records.grow(5)
		pushes, stop := s.run(policy(t, "quorum a", "a"))
		defer stop()
		wait(4 * time.Minute)
		if got := state(t, pushes, tlog.Records, "a"); got.Outcome != pusher.Ahead || said.String() != "" {
			t.Errorf("%+v, logged %q", got, said.String())
		}
		wait(4 * time.Minute)
		if !strings.Contains(said.String(), "old backup") || !strings.Contains(said.String(), "witness=a") {
			t.Errorf("logged %q", said.String())
		}
		s.records.grow(10)
		wait(3 * time.Minute)
		if got := state(t, pushes, tlog.Records, "a"); got.Outcome != pusher.Cosigned || got.CosignedSize != 10 {
			t.Errorf("once it is not ahead: %+v", got)
		}
	})
}

// One that does not answer gets less and less requests, and is asked again within
// minutes of coming back.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		a.does(func(_ http.ResponseWriter, r *http.Request, _ string) bool { <-r.Context().Done(); return true })
		s.records.grow(5)
		p := policy(t, "quorum a", "a")
		pushes, stop := s.run(p)
		defer stop()
		wait(time.Hour)
		if asked := len(a.requests()); asked < 20 || asked > 40 {
			t.Errorf("asked %d times in an hour", asked)
		}
		if got := state(t, pushes, tlog.Records, "a"); got.Outcome != pusher.Unavailable || !errors.Is(got.Problem, errTimeout) {
			t.Errorf("%+v", got)
		}
		a.does(nil)
		wait(3 * time.Minute)
		if got := s.stored(tlog.Records, p); got != "5: a" {
			t.Error(got)
		}
	})
}

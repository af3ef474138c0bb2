package witness_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pusher "github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// wait lets time pass until all that is due is done.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// takes makes a witness slow.
func takes(d time.Duration) func(http.ResponseWriter, *http.Request, string) bool {
	return func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		return false
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// Both logs go to all witnesses, once an interval if there is something new, with a
// proof from what each has cosigned.
func TestCosigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a, b := s.witness("a"), s.witness("b")
		all := policy(t, "group g all a b\nquorum g", "a", "b")
		s.records.grow(5)
		_, stop := s.run(all)
		defer stop()
		wait(time.Second)
		expect(t, "a", a.requests(), "records 0>5")
		expect(t, "b", b.requests(), "records 0>5")
		if got := s.stored(tlog.Records, all); got != "5: a b" {
			t.Error(got)
		}
		for size := range uint64(8) {
			s.records.grow(6 + size)
			s.checkpoints.grow(1 + size)
			wait(time.Second)
		}
		expect(t, "before the interval of the records log is over", a.requests(), "checkpoints 0>1")
		wait(3 * time.Second)
		expect(t, "a", a.requests(), "checkpoints 1>8", "records 5>13")
		if got := s.stored(tlog.Checkpoints, all); got != "8: a b" {
			t.Error(got)
		}
		wait(10 * time.Minute)
		expect(t, "while nothing is new", a.requests())
		if got := s.observer.get().outcomes["records a cosigned"]; got != 2 {
			t.Errorf("%d submissions are observed: %v", got, s.observer.get().outcomes)
		}
		if s.observer.get().cosigned["records 13"].IsZero() || s.observer.get().cosigned["checkpoints 8"].IsZero() {
			t.Errorf("observed %v", s.observer.get().cosigned)
		}
		if raised, told := s.observer.get().alarms["records a"]; raised || !told {
			t.Error("no word that there is no alarm")
		}
	})
}

// A cosignature that comes after the quorum is stored, too.
func TestMoreCosignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.witness("a")
		s.witness("b").does(takes(3 * time.Second))
		p := policy(t, "quorum a", "a", "b")
		s.records.grow(5)
		_, stop := s.run(p)
		defer stop()
		wait(time.Second)
		if got := s.stored(tlog.Records, p); got != "5: a" {
			t.Error(got)
		}
		wait(3 * time.Second)
		if got := s.stored(tlog.Records, p); got != "5: a b" {
			t.Error(got)
		}
	})
}

// A witness that takes almost as long as the interval, and whose answer comes when the
// others have the next checkpoint, completes a quorum all the same.
func TestSlowWitnessCompletesQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.options.Interval = 2 * time.Second
		s.witness("a")
		s.witness("b").does(takes(5 * time.Second))
		p := policy(t, "group g all a b\nquorum g", "a", "b")
		s.records.grow(1)
		_, stop := s.run(p)
		defer stop()
		for size := range uint64(12) {
			s.records.grow(1 + size)
			wait(time.Second)
		}
		if _, size, _ := s.storage.Cosigned(t.Context(), tlog.Records); size < 4 {
			t.Errorf("cosigned by both: size %d", size)
		}
	})
}

// Without anything new, witnesses are asked for a new time once in a while.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		p := policy(t, "quorum a", "a")
		s.records.grow(5)
		_, stop := s.run(p)
		wait(time.Second)
		a.requests()
		first := s.observer.get().cosigned["records 5"]
		wait(pusher.DefaultRefresh)
		expect(t, "after an hour", a.requests(), "records 5>5")
		if again := s.observer.get().cosigned["records 5"]; again.Sub(first) < pusher.DefaultRefresh {
			t.Errorf("cosigned at %v, and again at %v", first, again)
		}
		stop()
		_, stop = s.run(p)
		defer stop()
		wait(pusher.DefaultRefresh / 2)
		expect(t, "once after a restart: does the witness know this log?", a.requests(), "records 5>5")
		wait(pusher.DefaultRefresh)
		expect(t, "an hour after that", a.requests(), "records 5>5")
	})
}

// Two keys at one URL are two witnesses, asked once.
func TestTwoAtOneURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		first, second, third := witnesstest.NewKey("first"), witnesstest.NewMLDSAKey(t, "second"), witnesstest.NewKey("third")
		both := s.witness("both", first, second)
		p, err := witness.ParsePolicy([]byte("witness 1 " + first.VKey + " http://both.example\nwitness 2 " + second.VKey + " http://both.example/\n" +
			"witness 3 " + third.VKey + " http://both.example\ngroup g 2 1 2 3\nquorum g\n"))
		if err != nil {
			t.Fatal(err)
		}
		s.records.grow(5)
		pushes, stop := s.run(p)
		defer stop()
		wait(time.Second)
		expect(t, "requests", both.requests(), "records 0>5")
		if got := s.stored(tlog.Records, p); got != "5: 1 2" {
			t.Error(got)
		}
		if got := state(t, pushes, tlog.Records, "3"); got.Outcome != pusher.BadAnswer || !strings.Contains(got.Problem.Error(), "no signature by its key") {
			t.Errorf("the third: %+v", got)
		}
		s.records.grow(6)
		wait(10 * time.Second)
		expect(t, "one whose key is not there does not delay the others", both.requests(), "records 5>6")
	})
}

func TestNoQuorumAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.witness("a").answers(500, "", "")
		p := policy(t, "quorum none", "a")
		s.records.grow(5)
		_, stop := s.run(p)
		defer stop()
		wait(time.Second)
		if got := s.stored(tlog.Records, p); got != "5:" {
			t.Error(got)
		}
	})
}

// A process that does not lead asks nobody, and goes on from what another has stored
// when it does.
func TestLeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		leads := make(chan bool, 1)
		leads <- false
		s.options.Leading = func() bool { now := <-leads; leads <- now; return now }
		s.records.grow(5)
		_, stop := s.run(policy(t, "quorum a", "a"))
		defer stop()
		wait(time.Minute)
		expect(t, "not leading", a.requests())
		<-leads
		leads <- true
		wait(2 * time.Second)
		expect(t, "leading", a.requests(), "records 0>5")
		<-leads
		leads <- false
		wait(11 * time.Second)
		s.records.grow(6)
		wait(time.Minute)
		expect(t, "not any more", a.requests())
	})
}

func TestSetPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a, b := s.witness("a"), s.witness("b")
		first := policy(t, "quorum a", "a")
		s.records.grow(5)
		pushes, stop := s.run(first)
		defer stop()
		wait(time.Second)
		if err := pushes.CheckStored(t.Context()); err != nil {
			t.Error(err)
		}
		a.requests()

		b.answers(500, "", "")
		second := policy(t, "group g all a b\nquorum g", "a", "b")
		if err := pushes.SetPolicy(second); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if err := pushes.CheckStored(t.Context()); !errors.Is(err, witness.ErrNoQuorum) || !strings.Contains(err.Error(), "records log") {
			t.Errorf("what is stored is short of the new quorum: %v", err)
		}
		expect(t, "a, who has cosigned it", a.requests())
		expect(t, "b, who is new", b.requests(), "records 0>5")
		b.does(nil)
		wait(30 * time.Second)
		if err := pushes.CheckStored(t.Context()); err != nil || s.stored(tlog.Records, second) != "5: a b" {
			t.Errorf("%q, %v", s.stored(tlog.Records, second), err)
		}

		if err := pushes.SetPolicy(policy(t, "quorum b", "b")); err != nil {
			t.Fatal(err)
		}
		a.requests()
		b.requests()
		s.records.grow(6)
		wait(10 * time.Second)
		expect(t, "a, who is gone", a.requests())
		expect(t, "b", b.requests(), "records 5>6")
	})
}

func TestPolicyRefused(t *testing.T) {
	s := newSetup(t)
	key := witnesstest.NewKey("a.example")
	for what, text := range map[string]string{
		"no URL":    "witness a " + key.VKey + "\nquorum a\n",
		"not UTF-8": "witness \xff " + key.VKey + " http://a.example\nquorum none\n",
	} {
		p, err := witness.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.options.Policy = p
		if _, err := pusher.New(s.options); err == nil {
			t.Errorf("a policy with %s is accepted", what)
		}
	}
	s.options.Policy = nil
	if _, err := pusher.New(s.options); err == nil {
		t.Error("no policy is accepted")
	}
}

// The logs take turns at a witness.
func TestOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a, busy := s.witness("a"), make(chan struct{}, 1)
		a.does(func(w http.ResponseWriter, r *http.Request, body string) bool {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
				return takes(time.Second)(w, r, body)
			default:
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
		})
		s.records.grow(5)
		s.checkpoints.grow(2)
		_, stop := s.run(policy(t, "quorum a", "a"))
		defer stop()
		wait(5 * time.Second)
		if got := s.observer.get().outcomes; got["records a cosigned"] != 1 || got["checkpoints a cosigned"] != 1 || len(got) != 2 {
			t.Errorf("observed %v", got)
		}
	})
}

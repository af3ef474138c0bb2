package witness_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

var errTimeout = context.DeadlineExceeded

// A registry that is killed at any time goes on where it was.
func TestKilled(t *testing.T) {
	for what, kill := range map[string]struct {
		after func(s *setup) // what is left of the run that was killed
		want  []string       // of a
	}{
		"between signing and pushing": {func(*setup) {}, []string{"records 0>5"}},
		"after a has cosigned, and before that is noted": {func(s *setup) {
			s.handlers["a.example"].(*double).has(s.records.head(5))
		}, []string{"records 0>5", "records 5>5"}},
		"after an earlier checkpoint was cosigned, and before that is noted": {func(s *setup) {
			s.handlers["a.example"].(*double).has(s.records.head(3))
		}, []string{"records 0>5", "records 3>5"}},
		"after it is noted that a has cosigned, short of the quorum": {func(s *setup) {
			s.handlers["a.example"].(*double).has(s.records.head(5))
			for _, w := range policy(t, "quorum none", "a").Witnesses() {
				_ = s.storage.SetWitnessSize(t.Context(), tlog.Records, w.Key, 5)
			}
		}, []string{"records 5>5"}},
		"after a wrong note of what a has": {func(s *setup) {
			for _, w := range policy(t, "quorum none", "a").Witnesses() {
				_ = s.storage.SetWitnessSize(t.Context(), tlog.Records, w.Key, 4)
			}
		}, []string{"records 0>5", "records 4>5"}},
		"after a note of more than there is": {func(s *setup) {
			for _, w := range policy(t, "quorum none", "a").Witnesses() {
				_ = s.storage.SetWitnessSize(t.Context(), tlog.Records, w.Key, 6)
			}
		}, []string{"records 0>5"}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(t)
				a := s.witness("a")
				s.witness("b")
				s.records.grow(5)
				kill.after(s)
				p := policy(t, "group g all a b\nquorum g", "a", "b")
				_, stop := s.run(p)
				wait(time.Second)
				expect(t, "a", a.requests(), kill.want...)
				if got := s.stored(tlog.Records, p); got != "5: a b" {
					t.Error(got)
				}
				stop()
				_, stop = s.run(p)
				defer stop()
				wait(time.Minute)
				expect(t, "after another restart", a.requests(), "records 5>5")
			})
		})
	}
}

// A real kill: the first process ends while a witness is answering.
func TestKilledWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		a.does(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
			a.has(s.records.head(5)) // it has stored what it was sent, and the answer gets lost
			<-r.Context().Done()
			return true
		})
		s.records.grow(5)
		p := policy(t, "quorum a", "a")
		_, stop := s.run(p)
		wait(time.Second)
		stop()
		synctest.Wait()
		a.does(nil)
		a.requests()
		s.records.grow(7)
		_, stop = s.run(p)
		defer stop()
		wait(time.Second)
		expect(t, "requests", a.requests(), "records 0>7", "records 5>7")
		if got := s.stored(tlog.Records, p); got != "7: a" {
			t.Error(got)
		}
	})
}

// What the database or the log can not do is tried again, and told.
func TestStorageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		p := policy(t, "quorum a", "a")
		s.records.grow(5)
		s.storage.fails(errors.New("no database"))
		pushes, stop := s.run(p)
		defer stop()
		wait(time.Second)
		if got := pushes.Status()[0]; got.Problem == nil || !strings.Contains(got.Problem.Error(), "no database") {
			t.Errorf("%+v", got)
		}
		if err := pushes.CheckStored(t.Context()); err == nil || errors.Is(err, witness.ErrNoQuorum) {
			t.Errorf("what can not be read is judged: %v", err)
		}
		s.storage.fails(nil)
		wait(10 * time.Second)
		expect(t, "a", a.requests(), "records 0>5")
		if got := s.stored(tlog.Records, p); got != "5: a" {
			t.Error(got)
		}

		a.does(func(http.ResponseWriter, *http.Request, string) bool {
			s.storage.fails(errors.New("full"))
			return false
		})
		s.records.grow(6)
		wait(10 * time.Second)
		if got := pushes.Status()[0]; got.CosignedSize != 5 || got.Problem == nil || !strings.Contains(got.Problem.Error(), "full") {
			t.Errorf("%+v", got)
		}
		s.records.fails(errors.New("no log"))
		s.storage.fails(nil)
		wait(11 * time.Second)
		if got := s.stored(tlog.Records, p); got != "6: a" {
			t.Errorf("a log that can not be read keeps what is cosigned from being stored: %s", got)
		}
		if got := pushes.Status()[0]; got.Problem == nil || !strings.Contains(got.Problem.Error(), "no log") {
			t.Errorf("%+v", got)
		}
	})
}

// A log that went back, or has two roots at a size, is not sent anywhere.
func TestLogThatLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		a := s.witness("a")
		p := policy(t, "quorum a", "a")
		s.records.grow(5)
		pushes, stop := s.run(p)
		defer stop()
		wait(time.Second)
		a.requests()
		s.records.grow(4)
		wait(11 * time.Second)
		if got := pushes.Status()[0]; got.Problem == nil || !strings.Contains(got.Problem.Error(), "old backup") {
			t.Errorf("%+v", got)
		}
		s.options.Logs[tlog.Records].(*fakeLog).grow(5)
		wait(11 * time.Second)
		if got := pushes.Status()[0]; got.Problem != nil {
			t.Errorf("%+v", got)
		}
		s.records.mu.Lock()
		other := newFakeLog(t, tlog.Records)
		for range 5 {
			other.tree.AppendData([]byte("another leaf"))
		}
		s.records.tree = other.tree
		s.records.mu.Unlock()
		wait(11 * time.Second)
		if got := pushes.Status()[0]; got.Problem == nil || !strings.Contains(got.Problem.Error(), "two roots at size 5") {
			t.Errorf("%+v", got)
		}
		expect(t, "a", a.requests())
	})
}

package mirror

import (
	"fmt"
	"sync"
	"time"
)

// state is what people are told of how a mirror fares.
type state struct {
	mu          sync.Mutex
	done, total uint64    // guarded by mu; records of a checkpoint that is being taken over
	since       time.Time // guarded by mu; from when on the upstream did not answer; zero: it does
	failure     error     // guarded by mu; why not
	caught      int       // guarded by mu; how often it was caught
	last        error     // guarded by mu; at what, last
	at          time.Time // guarded by mu; when that was
	lacking     int       // guarded by mu; contents that could not be had
	stalled     time.Time // guarded by mu; from when on no content could be taken; zero: it can
}

// awayNoted is after what time it is a remark that an upstream does not answer.
const awayNoted = time.Minute

func (s *state) progress(done, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.total = done, total
}

func (s *state) catchingUp() (done, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done, s.total
}

// answered notes how asking the upstream went.
func (s *state) answered(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.since, s.failure = time.Time{}, nil
		return
	}
	if s.failure = err; s.since.IsZero() {
		s.since = now
	}
}

// follows tells whether the upstream answered when it was asked last.
func (s *state) follows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure == nil
}

// away tells whether the upstream could not be followed for long.
func (s *state) away(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure != nil && now.Sub(s.since) >= awayNoted
}

// lied notes that the upstream was caught, and tells whether that is new.
func (s *state) lied(err error, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.last == nil || s.last.Error() != err.Error()
	s.caught, s.last, s.at = s.caught+1, err, now
	return fresh
}

// lacks notes how many contents could not be had, and whether no other could be taken either.
func (s *state) lacks(contents int, stalled bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacking = contents
	switch {
	case !stalled:
		s.stalled = time.Time{}
	case s.stalled.IsZero():
		s.stalled = now
	}
}

func (s *state) remarks(now time.Time) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.caught > 0 {
		lines = append(lines, fmt.Sprintf("it gave what does not hold, %d times since this process began, last at %s; what was verified before is served on: %v", s.caught, s.at.UTC().Format(time.RFC3339), s.last))
	}
	if s.failure != nil && now.Sub(s.since) >= awayNoted {
		lines = append(lines, fmt.Sprintf("it is not followed since %s: %v", s.since.UTC().Format(time.RFC3339), s.failure))
	}
	if s.lacking > 0 {
		lines = append(lines, fmt.Sprintf("%d of its contents could not be had from it", s.lacking))
	}
	if !s.stalled.IsZero() && now.Sub(s.stalled) >= awayNoted {
		lines = append(lines, fmt.Sprintf("its content is not fetched since %s: the log says why", s.stalled.UTC().Format(time.RFC3339)))
	}
	return lines
}

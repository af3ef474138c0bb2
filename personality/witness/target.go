package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

const (
	// maxBackoff is the longest time between two attempts at a witness that is not
	// available.
	maxBackoff = 2 * time.Minute
	// slowRetry is the time between two attempts where somebody has to act first.
	slowRetry = 10 * time.Minute
	// alarmRetry is the time between two attempts at a witness with another root.
	alarmRetry = time.Hour
	// aheadPatience is after what time a witness that is ahead is no longer taken for
	// one that another process was faster to ask.
	aheadPatience = 5 * time.Minute
	// maxSkew is how far the time of a new cosignature may be from the clock here.
	maxSkew = time.Hour
)

// target is a URL that a log's checkpoints are sent to, with the witnesses of the policy
// that are there. Two keys at one URL are two witnesses, and asked once.
type target struct {
	p         *Pusher
	log       *pushedLog
	url       string
	turn      chan struct{} // held while the URL is asked; see [Pusher.turnAt]
	witnesses []witness.Witness
	policy    *witness.Policy // that the witnesses are of

	running bool            // guarded by the pusher's mu
	ended   context.Context // ends when the policy has the target no longer
	end     context.CancelFunc

	// Used by run only.
	notBefore time.Time  // when it may be asked again
	failures  int        // in a row
	answered  *candidate // the last checkpoint that was cosigned
	again     time.Time  // when it is to be asked for that one again

	hurry atomic.Bool // somebody has read the policy again: ask at once

	mu     sync.Mutex
	states map[protocol.Hash]WitnessStatus // guarded by mu; of each witness
}

// targetsOf are the targets of a log by a policy, in its order. The caller holds the
// pusher's mu.
func targetsOf(p *Pusher, l *pushedLog, policy *witness.Policy) (all []*target) {
	for _, w := range policy.Witnesses() {
		url := strings.TrimRight(w.URL, "/")
		n := slices.IndexFunc(all, func(t *target) bool { return t.url == url })
		if n < 0 {
			n = len(all)
			t := &target{p: p, log: l, url: url, turn: p.turnAt(url), policy: policy, states: map[protocol.Hash]WitnessStatus{}}
			t.ended, t.end = context.WithCancel(context.Background())
			all = append(all, t)
		}
		t := all[n]
		t.witnesses = append(t.witnesses, w)
		t.states[w.Key] = WitnessStatus{Name: w.Name, URL: w.URL}
	}
	return all
}

// same reports whether another target is for the same log, URL and witnesses.
func (t *target) same(other *target) bool {
	return t.log == other.log && t.url == other.url && slices.EqualFunc(t.witnesses, other.witnesses, func(a, b witness.Witness) bool {
		return a.Key == b.Key && a.Name == b.Name
	})
}

// tellNoAlarm says that nothing is wrong with the witnesses: they are new, or gone.
func (t *target) tellNoAlarm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.witnesses {
		t.p.options.Observer.Alarm(string(t.log.name), w.Name, false)
	}
}

// run asks the witnesses until ctx or the target ends.
func (t *target) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ended, cancel)()
	for ctx.Err() == nil {
		changed := t.log.changed.Next()
		c := t.log.newest()
		if wait := t.due(c); wait > 0 {
			wake.Sleep(ctx, wait, changed)
			continue
		}
		select {
		case t.turn <- struct{}{}:
			if c = t.log.newest(); c != nil {
				t.askOnce(ctx, c)
			}
			<-t.turn
		case <-ctx.Done():
		}
	}
}

// askOnce submits a checkpoint and notes how that ended.
func (t *target) askOnce(ctx context.Context, c *candidate) {
	began := t.p.options.Now()
	if r := t.submit(ctx, c, t.known()); ctx.Err() == nil {
		t.settle(ctx, c, r, began)
	}
}

// due is how long the witnesses have to be asked nothing, unless there is another
// checkpoint.
func (t *target) due(c *candidate) time.Duration {
	now := t.p.options.Now()
	if c == nil {
		return alarmRetry // until there is one
	}
	if t.hurry.Swap(false) {
		t.notBefore, t.failures = time.Time{}, 0
	}
	wait := t.notBefore.Sub(now)
	if t.answered == nil { // in this run: that the witness knows this log is to be seen once
		return wait
	}
	if t.answered == c {
		return max(wait, t.again.Sub(now))
	}
	// What an earlier run was answered is stored.
	oldest, missing := now, false
	have := t.log.cosignatures(c)
	for _, w := range t.witnesses {
		n := slices.IndexFunc(have, func(by witness.Cosignature) bool { return by.Key == w.Key })
		if n < 0 {
			missing = true
		} else if have[n].Time.Before(oldest) {
			oldest = have[n].Time
		}
	}
	if missing {
		return wait
	}
	return max(wait, oldest.Add(t.p.options.Refresh).Sub(now))
}

// known is the largest size that one of the witnesses is known to have cosigned.
func (t *target) known() (size uint64) {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	for _, w := range t.witnesses {
		size = max(size, t.log.sizes[w.Key])
	}
	return size
}

// learn notes what size a witness has cosigned.
func (t *target) learn(key protocol.Hash, size uint64) {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	if t.log.sizes != nil {
		t.log.sizes[key] = size
	}
}

// settle notes how a submission ended, tells it, and when the next one may be.
func (t *target) settle(ctx context.Context, c *candidate, r result, began time.Time) {
	if r.size != nil {
		for _, w := range t.witnesses {
			t.learn(w.Key, min(*r.size, c.size))
		}
	}
	ended := t.p.options.Now()
	var good []witness.Cosignature
	for _, w := range t.witnesses {
		outcome, err := r.outcome, r.err
		if outcome == Cosigned {
			cosignature, refused := t.cosignatureOf(w, r.cosigned, ended)
			if refused != nil {
				outcome, err = BadAnswer, refused
			} else {
				good = append(good, cosignature)
			}
		}
		t.p.options.Observer.Submitted(string(t.log.name), w.Name, string(outcome), ended.Sub(began))
		t.tell(w, c, outcome, err, ended)
	}
	t.schedule(c, r, len(good), ended)
	if len(good) == 0 {
		return
	}
	if err := t.log.accept(c, good); err != nil {
		t.p.options.Logger.Error("a cosignature could not be added", "log", t.log.name, "size", c.size, "error", err)
	}
	for _, by := range good {
		t.learn(by.Key, c.size)
		if err := t.saveSize(ctx, by.Key, c.size); err != nil {
			t.p.options.Logger.Warn("what a witness has cosigned could not be noted; it will say it", "log", t.log.name, "witness", by.Witness, "error", err)
		}
	}
}

func (t *target) saveSize(ctx context.Context, key protocol.Hash, size uint64) error {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	return t.p.options.Storage.SetWitnessSize(ctx, t.log.name, key, size)
}

// cosignatureOf is what an answer has of a witness, or why that does not count.
func (t *target) cosignatureOf(w witness.Witness, cosigned witness.Cosigned, now time.Time) (witness.Cosignature, error) {
	for _, by := range cosigned.Cosignatures {
		if by.Key != w.Key {
			continue
		}
		// Readers may refuse what is dated ahead, or take the note for an old one.
		if skew := by.Time.Sub(now); skew.Abs() > maxSkew {
			return by, fmt.Errorf("its cosignature is dated %s, and the clock here says %s", by.Time.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return by, nil
	}
	for _, refused := range cosigned.Refused {
		if refused.Witness == w.Name {
			return witness.Cosignature{}, refused.Err
		}
	}
	return witness.Cosignature{}, errors.New("its answer has no signature by its key")
}

// schedule says when the witnesses may be asked again.
func (t *target) schedule(c *candidate, r result, good int, now time.Time) {
	if good > 0 {
		t.failures, t.notBefore, t.answered = 0, time.Time{}, c
		t.again = now.Add(t.p.options.Refresh)
		if good < len(t.witnesses) {
			t.again = now.Add(slowRetry)
		}
		return
	}
	wait := min(t.p.options.Interval<<min(t.failures, 10), maxBackoff)
	t.failures++
	switch r.outcome {
	case AnotherRoot:
		wait = alarmRetry
	case Misconfigured:
		wait = slowRetry
	}
	t.notBefore = now.Add(max(wait, r.retryAfter))
}

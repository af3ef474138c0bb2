package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

const (
	// followerPoll is how often a process that does not lead looks whether it does.
	followerPoll = time.Second
	// lookAgain is how often to look whether there is a checkpoint that may be sent.
	lookAgain = time.Second
	// storageTimeout bounds what is asked of the database and of the log.
	storageTimeout = 10 * time.Second
	// patience is how long cosignatures of a checkpoint are collected: a slow witness
	// may answer for one when the next are sent to the others.
	patience = 3 * askTimeout
)

// candidate is a checkpoint that is to be cosigned.
type candidate struct {
	origin string
	size   uint64
	signed []byte // what is sent to witnesses; nil of a stored one until the log was asked
	body   string // what is signed

	note     []byte           // signed, with all cosignatures; guarded by the log's mu
	cosigned witness.Cosigned // note, by the present policy; guarded by the log's mu
	unstored bool             // note has reached quorum and is to be stored; guarded by the log's mu
}

// pushedLog collects the cosignatures of a log's checkpoints, and stores those that
// reach quorum.
type pushedLog struct {
	p      *Pusher
	name   tlog.Log
	source Source

	changed wake.Broadcast // there is another candidate
	nudged  chan struct{}  // something may be ready to store

	nextLook time.Time // used by run only; when the next checkpoint may be sent

	mu         sync.Mutex               // taken before the pusher's, where both are
	loaded     bool                     // guarded by mu; what is stored was read
	sizes      map[protocol.Hash]uint64 // guarded by mu; what each witness last cosigned, as far as is known
	candidates []*candidate             // guarded by mu; in the order of their sizes
	stored     uint64                   // guarded by mu; size of the newest cosigned note that is stored
	storedTime time.Time                // guarded by mu; when its quorum cosigned it
	problem    error                    // guarded by mu; why the last step failed
}

func newPushedLog(p *Pusher, name tlog.Log, source Source) *pushedLog {
	return &pushedLog{p: p, name: name, source: source, nudged: make(chan struct{}, 1)}
}

// run looks for new checkpoints and stores cosigned ones until ctx ends.
func (l *pushedLog) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait, err := l.step(ctx)
		if err != nil && ctx.Err() == nil {
			l.p.options.Logger.Warn("collecting cosignatures failed; trying again", "log", l.name, "error", err, "after", l.p.options.Interval)
			wait = l.p.options.Interval
		}
		l.mu.Lock()
		l.problem = err
		l.mu.Unlock()
		wake.Sleep(ctx, wait, l.nudged)
	}
}

// step looks once, if it is time, and stores what is to be stored. It returns after
// what time it is time again.
func (l *pushedLog) step(ctx context.Context) (time.Duration, error) {
	if !l.p.options.Leading() {
		l.reset()
		return followerPoll, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := l.load(ctx); err != nil {
		return 0, err
	}
	var failed error
	if now := l.p.options.Now(); !now.Before(l.nextLook) {
		var fresh bool
		if fresh, failed = l.look(ctx); fresh {
			l.nextLook = now.Add(l.p.options.Interval)
		}
	}
	failed = errors.Join(failed, l.store(ctx))
	return max(min(l.p.options.Interval, lookAgain), l.nextLook.Sub(l.p.options.Now())), failed
}

// reset forgets all: another process may store more.
func (l *pushedLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.candidates, l.nextLook = false, nil, time.Time{}
}

// load reads what was stored, once.
func (l *pushedLog) load(ctx context.Context) error {
	l.mu.Lock()
	loaded := l.loaded
	l.mu.Unlock()
	if loaded {
		return nil
	}
	sizes, err := l.p.options.Storage.WitnessSizes(ctx, l.name)
	if err != nil {
		l.p.options.Logger.Warn("what witnesses have cosigned is not known; they will say it", "log", l.name, "error", err)
	}
	note, size, err := l.p.options.Storage.Cosigned(ctx, l.name)
	if err != nil {
		return fmt.Errorf("read the stored cosigned checkpoint: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	policy := l.p.Policy()
	l.sizes, l.candidates, l.stored, l.storedTime = maps.Clone(sizes), nil, 0, time.Time{}
	if l.sizes == nil {
		l.sizes = map[protocol.Hash]uint64{}
	}
	l.p.options.Observer.Cosigned(string(l.name), 0, time.Time{})
	if size > 0 {
		c, err := newCandidate(policy, note, size)
		if err != nil {
			return fmt.Errorf("the stored cosigned checkpoint: %w", err)
		}
		l.candidates = []*candidate{c}
		l.tellStored(c)
	}
	l.loaded = true
	return nil
}

// newCandidate reads a note.
func newCandidate(policy *witness.Policy, note []byte, size uint64) (*candidate, error) {
	cosigned, err := policy.Cosignatures(note)
	if err != nil {
		return nil, err
	}
	if cosigned.Head.Size != size {
		return nil, fmt.Errorf("the note says size %d; it should be that of size %d", cosigned.Head.Size, size)
	}
	return &candidate{origin: cosigned.Head.Origin, size: size, body: string(cosigned.Head.Body()), note: note, cosigned: cosigned}, nil
}

// look asks the log for its newest checkpoint. fresh says that it is another one, which
// is sent to the witnesses.
func (l *pushedLog) look(ctx context.Context) (fresh bool, err error) {
	note, size, err := l.source.SignedNote(ctx)
	if err != nil {
		return false, fmt.Errorf("read the newest signed checkpoint: %w", err)
	}
	if size == 0 {
		return false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	policy := l.p.Policy()
	c, err := newCandidate(policy, note, size)
	if err != nil {
		return false, fmt.Errorf("the newest signed checkpoint: %w", err)
	}
	c.signed = note
	if n := len(l.candidates); n > 0 {
		last := l.candidates[n-1]
		switch {
		case size < last.size:
			return false, fmt.Errorf("the newest signed checkpoint has size %d, and one of size %d was sent to witnesses: the database may be an old backup", size, last.size)
		case size == last.size && c.body != last.body:
			return false, fmt.Errorf("the log has signed two roots at size %d; the second one is not sent to witnesses", size)
		case size == last.size && last.signed != nil:
			return false, nil
		case size == last.size:
			c.note, c.cosigned = last.note, last.cosigned // it was stored, by an earlier run
			l.candidates = l.candidates[:n-1]
		}
	}
	c.unstored = l.stored < size && policy.Satisfied(c.cosigned.Cosignatures) // "quorum none"
	l.candidates = append(l.candidates, c)
	kept := 2 + int(patience/l.p.options.Interval)
	l.candidates = l.candidates[max(0, len(l.candidates)-kept):]
	l.changed.Happened()
	return true, nil
}

// newest is the checkpoint to send to witnesses; nil if there is none.
func (l *pushedLog) newest() *candidate {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.candidates) == 0 {
		return nil
	}
	if c := l.candidates[len(l.candidates)-1]; c.signed != nil {
		return c
	}
	return nil
}

// cosignatures are those of a candidate by the present policy.
func (l *pushedLog) cosignatures(c *candidate) []witness.Cosignature {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(c.cosigned.Cosignatures)
}

// accept adds verified cosignatures to a candidate. It has them stored if there is a
// quorum, unless a larger checkpoint is stored already.
func (l *pushedLog) accept(c *candidate, cosignatures []witness.Cosignature) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	note, err := witness.Merge(c.note, cosignatures...)
	if err != nil {
		return err
	}
	c.note = note
	return l.judge(l.p.Policy(), c)
}

// judge looks what a candidate comes to by a policy. The caller holds mu.
func (l *pushedLog) judge(policy *witness.Policy, c *candidate) (err error) {
	if c.cosigned, err = policy.Cosignatures(c.note); err != nil {
		return err
	}
	c.unstored = c.size >= l.stored && policy.Satisfied(c.cosigned.Cosignatures)
	if c.unstored {
		wake.Nudge(l.nudged)
	}
	return nil
}

// judgeAgain judges all candidates by another policy. A stored one that is short of it
// counts as stored no more.
func (l *pushedLog) judgeAgain(policy *witness.Policy) {
	defer wake.Nudge(l.nudged)
	l.mu.Lock()
	defer l.mu.Unlock()
	n := slices.IndexFunc(l.candidates, func(c *candidate) bool { return c.size == l.stored })
	switch {
	case n < 0:
		l.loaded = false // it is not remembered: what is stored is read again
	case !policy.Satisfied(judged(policy, l.candidates[n])):
		l.stored, l.storedTime = 0, time.Time{}
		l.p.options.Observer.Cosigned(string(l.name), 0, time.Time{})
	}
	for _, c := range l.candidates {
		if err := l.judge(policy, c); err != nil {
			l.problem = err
		}
	}
}

// judged are the cosignatures of a candidate by a policy.
func judged(policy *witness.Policy, c *candidate) []witness.Cosignature {
	cosigned, err := policy.Cosignatures(c.note)
	if err != nil {
		return nil
	}
	return cosigned.Cosignatures
}

// store stores the newest candidate that has reached quorum, and drops those before
// it: nobody waits for them any more.
func (l *pushedLog) store(ctx context.Context) error {
	l.mu.Lock()
	var c *candidate
	for _, each := range l.candidates {
		if each.unstored {
			c = each
		}
	}
	if c == nil {
		l.mu.Unlock()
		return nil
	}
	note := c.note
	l.mu.Unlock()

	if err := l.p.options.Storage.SetCosigned(ctx, l.name, c.size, note); err != nil {
		return fmt.Errorf("store the cosigned checkpoint of size %d: %w", c.size, err)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Equal(c.note, note) {
		c.unstored = false
	} else {
		wake.Nudge(l.nudged) // more came meanwhile
	}
	l.candidates = slices.DeleteFunc(l.candidates, func(other *candidate) bool { return other.size < c.size })
	l.tellStored(c)
	return nil
}

// tellStored notes that a candidate is stored. The caller holds mu.
func (l *pushedLog) tellStored(c *candidate) {
	l.stored, l.storedTime = c.size, time.Time{}
	policy := l.p.Policy()
	if !policy.Satisfied(c.cosigned.Cosignatures) {
		return // it was stored by another policy
	}
	when, ok := policy.QuorumTime(c.cosigned.Cosignatures)
	if !ok {
		when = l.p.options.Now()
	}
	l.storedTime = when
	l.p.options.Observer.Cosigned(string(l.name), c.size, when)
}

// Package witness has the checkpoints of a registry's logs cosigned: it sends the
// newest signed note of each log to the witnesses of a policy (C2SP tlog-witness),
// verifies what they answer, and stores the note once a quorum has cosigned it.
//
// It runs beside everything else. Each witness is asked by a goroutine of its own for
// each log, so one that is slow, dead or hostile delays neither the others nor
// publishing; the two logs take turns at it. What is wrong with a witness is told by its name.
package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// DefaultInterval is the least time between two checkpoints of a log that are sent to
// witnesses. Public witnesses want to know how many a log sends in a day: 8,640 at this
// pace, if something is new all the time.
const DefaultInterval = 10 * time.Second

// DefaultRefresh is after what time a witness is asked to cosign a checkpoint again,
// while nothing is newer. Its new time says that nothing newer was seen.
const DefaultRefresh = time.Hour

// Source is one of the registry's logs. Its methods are called by several goroutines.
type Source interface {
	// SignedNote returns the newest note that the log has signed and stored, and its
	// size; size 0 if there is none yet.
	SignedNote(ctx context.Context) (note []byte, size uint64, err error)
	// ConsistencyProof returns the proof between two sizes, 0 < from < to, as RFC 6962
	// section 2.1.2 has it: at most 63 hashes of 32 bytes. to is the size of a note
	// that SignedNote has returned.
	ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error)
}

// Storage keeps what witnesses have said. Its methods are called by several
// goroutines.
type Storage interface {
	// WitnessSizes returns the size that each witness last cosigned of a log, by
	// [witness.Witness].Key. It only saves a request each: wrong ones do no harm.
	WitnessSizes(ctx context.Context, log tlog.Log) (map[protocol.Hash]uint64, error)
	SetWitnessSize(ctx context.Context, log tlog.Log, key protocol.Hash, size uint64) error
	// Cosigned returns what SetCosigned last stored of a log; size 0 if nothing.
	Cosigned(ctx context.Context, log tlog.Log) (note []byte, size uint64, err error)
	// SetCosigned stores a note that a quorum has cosigned, with all cosignatures. It
	// comes again for the same size when there are more or newer ones. One of a
	// smaller size than what is stored must not replace it, and is no error: another
	// process may have been faster.
	SetCosigned(ctx context.Context, log tlog.Log, size uint64, note []byte) error
}

// Options are what a [Pusher] is made of and how it behaves.
type Options struct {
	Logs    map[tlog.Log]Source
	Storage Storage
	Policy  *witness.Policy // see [Pusher.SetPolicy]

	Interval time.Duration // see [DefaultInterval], which 0 stands for
	Refresh  time.Duration // see [DefaultRefresh], which 0 stands for
	// Leading says whether this process is the one that asks witnesses; nil for
	// always. Two at once do no harm, but twice the requests.
	Leading func() bool

	// Client asks the witnesses. Redirects are not followed, whatever it says; its
	// transport is to bound the headers that it reads.
	Client   *http.Client
	Now      func() time.Time
	Logger   *slog.Logger
	Observer Observer // nil for nobody
}

// Pusher has the checkpoints of logs cosigned. Its methods are safe for concurrent
// use.
type Pusher struct {
	options Options
	client  *http.Client
	logs    []*pushedLog

	changed wake.Broadcast // the policy is another one

	mu      sync.Mutex
	policy  *witness.Policy          // guarded by mu
	targets []*target                // guarded by mu; those of the policy
	turns   map[string]chan struct{} // guarded by mu; by URL
}

// New returns a pusher. Nothing happens until [Pusher.Run]. An error is one of
// [Pusher.SetPolicy].
func New(o Options) (*Pusher, error) {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Refresh <= 0 {
		o.Refresh = DefaultRefresh
	}
	if o.Leading == nil {
		o.Leading = func() bool { return true }
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &Pusher{options: o, client: &client, turns: map[string]chan struct{}{}}
	for _, name := range tlog.Logs {
		if source := o.Logs[name]; source != nil {
			p.logs = append(p.logs, newPushedLog(p, name, source))
		}
	}
	return p, p.SetPolicy(o.Policy)
}

// SetPolicy replaces the policy, at any time. Each witness must have a URL that
// checkpoints can be sent to, and a name in UTF-8, for metrics; otherwise it is an
// error, and the policy before stays. What has been cosigned is judged again by the new
// one; see also [Pusher.CheckStored].
func (p *Pusher) SetPolicy(policy *witness.Policy) error {
	if policy == nil {
		return errors.New("there is no witness policy")
	}
	if err := policy.CheckURLs(); err != nil {
		return fmt.Errorf("the witness policy: %w", err)
	}
	for _, w := range policy.Witnesses() {
		if !utf8.ValidString(w.Name) {
			return fmt.Errorf("the witness policy: the name %q of a witness is not UTF-8", w.Name)
		}
	}
	p.replaceTargets(policy)
	for _, l := range p.logs {
		l.judgeAgain(policy)
	}
	p.changed.Happened()
	return nil
}

// Policy returns the policy in force.
func (p *Pusher) Policy() *witness.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.policy
}

// CheckStored returns why a stored cosigned note is none by the present policy, with a
// line for each log: [witness.ErrNoQuorum] where it is short of its quorum. A log of
// which none is stored yet is not told of.
func (p *Pusher) CheckStored(ctx context.Context) error {
	var all []error
	for _, l := range p.logs {
		note, size, err := p.options.Storage.Cosigned(ctx, l.name)
		if err == nil && size > 0 {
			_, err = p.Policy().Check(note)
		}
		if err != nil {
			all = append(all, fmt.Errorf("the stored cosigned checkpoint of the %s log: %w", l.name, err))
		}
	}
	return errors.Join(all...)
}

// Run asks witnesses until ctx ends, and then returns nil. It is for one call.
func (p *Pusher) Run(ctx context.Context) error {
	var work sync.WaitGroup
	for _, l := range p.logs {
		work.Go(func() { l.run(ctx) })
	}
	for ctx.Err() == nil {
		changed := p.changed.Next()
		for _, t := range p.idleTargets() {
			work.Go(func() { t.run(ctx) })
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	work.Wait()
	return nil
}

// replaceTargets makes the targets those of a policy. One whose witnesses are the same
// goes on with what it knows; those that the policy has no longer end.
func (p *Pusher) replaceTargets(policy *witness.Policy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var wanted []*target
	for _, l := range p.logs {
		for _, t := range targetsOf(p, l, policy) {
			if n := slices.IndexFunc(p.targets, t.same); n >= 0 {
				t = p.targets[n]
				t.hurry.Store(true)
			}
			wanted = append(wanted, t)
		}
	}
	for _, t := range p.targets {
		if !slices.Contains(wanted, t) {
			t.end()
			t.tellNoAlarm()
		}
	}
	for _, t := range wanted {
		if !slices.Contains(p.targets, t) {
			t.tellNoAlarm()
		}
	}
	p.policy, p.targets = policy, wanted
}

// turnAt returns the channel that whoever asks a URL puts a value into. The logs take
// turns at a witness: some answer 429 to two requests at once. The caller holds mu.
func (p *Pusher) turnAt(url string) chan struct{} {
	if p.turns[url] == nil {
		p.turns[url] = make(chan struct{}, 1)
	}
	return p.turns[url]
}

// idleTargets returns the targets that do not run, which are to run now.
func (p *Pusher) idleTargets() (idle []*target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.targets {
		if !t.running {
			t.running = true
			idle = append(idle, t)
		}
	}
	return idle
}

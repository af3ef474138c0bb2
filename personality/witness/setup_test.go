package witness_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	pusher "github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// fakeLog is a log with a real tree.
type fakeLog struct {
	t   testing.TB
	log *witnesstest.Log

	mu   sync.Mutex
	tree *testonly.Tree // guarded by mu
	size uint64         // guarded by mu; of what is signed
	err  error          // guarded by mu; what it fails with
}

func newFakeLog(t testing.TB, name tlog.Log) *fakeLog {
	return &fakeLog{t: t, log: witnesstest.NewLog(t, name.Origin("registry.example"), false), tree: testonly.New(rfc6962.DefaultHasher)}
}

// grow adds leaves until there are size, and signs.
func (l *fakeLog) grow(size uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.tree.Size() < size {
		l.tree.AppendData(fmt.Append(nil, "leaf ", l.tree.Size()))
	}
	l.size = size
}

// fork is a head of another tree that this log's keys sign.
func (l *fakeLog) fork(size uint64) tlog.TreeHead {
	return tlog.TreeHead{Origin: l.log.Origin, Size: size, Root: protocol.HashOf([]byte("a fork"))}
}

func (l *fakeLog) fails(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *fakeLog) head(size uint64) tlog.TreeHead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return tlog.TreeHead{Origin: l.log.Origin, Size: size, Root: protocol.Hash(l.tree.HashAt(size))}
}

func (l *fakeLog) SignedNote(context.Context) ([]byte, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size == 0 || l.err != nil {
		return nil, 0, l.err
	}
	return l.log.Sign(l.t, l.size, protocol.Hash(l.tree.HashAt(l.size))), l.size, nil
}

func (l *fakeLog) ConsistencyProof(_ context.Context, from, to uint64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.ConsistencyProof(from, to)
}

// memory is a storage that keeps all in memory, which survives a pusher.
type memory struct {
	mu    sync.Mutex
	sizes map[string]uint64   // guarded by mu; by log and key
	notes map[tlog.Log][]byte // guarded by mu
	size  map[tlog.Log]uint64 // guarded by mu; of the notes
	err   error               // guarded by mu; what it fails with
}

func newMemory() *memory {
	return &memory{sizes: map[string]uint64{}, notes: map[tlog.Log][]byte{}, size: map[tlog.Log]uint64{}}
}

func (m *memory) fails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) WitnessSizes(_ context.Context, log tlog.Log) (map[protocol.Hash]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sizes := map[protocol.Hash]uint64{}
	for at, size := range maps.All(m.sizes) {
		if key, found := strings.CutPrefix(at, string(log)+" "); found {
			var h protocol.Hash
			copy(h[:], key)
			sizes[h] = size
		}
	}
	return sizes, m.err
}

func (m *memory) SetWitnessSize(_ context.Context, log tlog.Log, key protocol.Hash, size uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.sizes[string(log)+" "+string(key[:])] = size
	}
	return m.err
}

func (m *memory) Cosigned(_ context.Context, log tlog.Log) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[log], m.size[log], m.err
}

func (m *memory) SetCosigned(_ context.Context, log tlog.Log, size uint64, note []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil && size >= m.size[log] {
		m.notes[log], m.size[log] = note, size
	}
	return m.err
}

// observer keeps what it is told.
type observer struct {
	mu sync.Mutex
	observed
}

// observed is what an observer was told, guarded by its mu.
type observed struct {
	outcomes map[string]int       // by log, witness and outcome
	alarms   map[string]bool      // by log and witness
	cosigned map[string]time.Time // by log and size
}

// get returns a copy of what it was told.
func (o *observer) get() observed {
	o.mu.Lock()
	defer o.mu.Unlock()
	return observed{maps.Clone(o.outcomes), maps.Clone(o.alarms), maps.Clone(o.cosigned)}
}

// buffer is what was logged.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (o *observer) Submitted(log, name, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[log+" "+name+" "+outcome]++
}

func (o *observer) Cosigned(log string, size uint64, when time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cosigned[fmt.Sprint(log, " ", size)] = when
}

func (o *observer) Alarm(log, name string, raised bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alarms[log+" "+name] = raised
}

// setup is a registry with two logs and some witnesses.
type setup struct {
	t                    testing.TB
	records, checkpoints *fakeLog
	storage              *memory
	observer             *observer
	handlers             map[string]http.Handler // the witnesses, by their hosts
	options              pusher.Options
}

func newSetup(t testing.TB) *setup {
	s := &setup{t: t, records: newFakeLog(t, tlog.Records), checkpoints: newFakeLog(t, tlog.Checkpoints), storage: newMemory(), handlers: map[string]http.Handler{},
		observer: &observer{observed: observed{map[string]int{}, map[string]bool{}, map[string]time.Time{}}}}
	s.options = pusher.Options{
		Logs:    map[tlog.Log]pusher.Source{tlog.Records: s.records, tlog.Checkpoints: s.checkpoints},
		Storage: s.storage, Client: &http.Client{Transport: s}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Observer: s.observer,
	}
	return s
}

// witness adds a witness, at a host of its name.
func (s *setup) witness(name string, keys ...*witnesstest.Key) *double {
	if len(keys) == 0 {
		keys = append(keys, witnesstest.NewKey(name+".example"))
	}
	d := newDouble(s.t, []*fakeLog{s.records, s.checkpoints}, keys...)
	s.handlers[name+".example"] = d
	return d
}

// RoundTrip takes requests to the handlers, within this process, so that time can be
// that of a bubble.
func (s *setup) RoundTrip(r *http.Request) (*http.Response, error) {
	handler := s.handlers[r.URL.Host]
	if handler == nil {
		return nil, errors.New("no such host")
	}
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() { defer close(done); handler.ServeHTTP(w, r) }()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// policy reads a policy in which each name is that of a witness of [setup.witness].
func policy(t testing.TB, quorum string, names ...string) *witness.Policy {
	t.Helper()
	text := ""
	for _, name := range names {
		text += fmt.Sprintf("witness %s %s http://%s.example/\n", name, witnesstest.NewKey(name+".example").VKey, name)
	}
	p, err := witness.ParsePolicy([]byte(text + quorum + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs a pusher until the returned function is called.
func (s *setup) run(p *witness.Policy) (*pusher.Pusher, func()) {
	s.t.Helper()
	s.options.Policy = p
	pushes, err := pusher.New(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- pushes.Run(ctx) }()
	return pushes, func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
}

// stored is who has cosigned what is stored of a log, by a policy, as "size: names".
func (s *setup) stored(log tlog.Log, p *witness.Policy) string {
	s.t.Helper()
	note, size, _ := s.storage.Cosigned(s.t.Context(), log)
	if size == 0 {
		return "nothing"
	}
	c, err := p.Cosignatures(note)
	if err != nil {
		s.t.Fatal(err)
	}
	text := fmt.Sprint(size, ":")
	for _, by := range c.Cosignatures {
		text += " " + by.Witness
	}
	return text
}

// state is what the pusher says of a witness.
func state(t testing.TB, p *pusher.Pusher, log tlog.Log, name string) pusher.WitnessStatus {
	t.Helper()
	for _, l := range p.Status() {
		for _, w := range l.Witnesses {
			if l.Log == log && w.Name == name {
				return w
			}
		}
	}
	t.Fatalf("no status of %s for %s", name, log)
	return pusher.WitnessStatus{}
}

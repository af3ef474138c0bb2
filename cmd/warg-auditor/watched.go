package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// pattern is what is watched: "namespace:name", or "namespace:*" for all packages of a
// namespace.
type pattern string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *pattern) UnmarshalText(text []byte) error {
	*p = pattern(text)
	if namespace, all := strings.CutSuffix(string(text), ":*"); all {
		if !protocol.ValidNamespace(namespace) {
			return fmt.Errorf("%q is no namespace", namespace)
		}
		return nil
	}
	_, err := protocol.ParsePackageName(string(text))
	return err
}

// matches tells whether a package is watched.
func (p pattern) matches(name protocol.PackageName) bool {
	return string(p) == name.String() || string(p) == name.Namespace()+":*"
}

// Names in the state of a watcher.
const (
	watchSpace    = "watch"   // how far it came, under watchKey
	watchedSpace  = "watched" // the records of packages: by name, NUL and index the envelope
	watchKey      = "position"
	maxListedOnce = 1000
)

// position is how far a watcher came.
type position struct {
	Head tlog.TreeHead `json:"head"` // read last
	Next uint64        `json:"next"` // index of the first record that was not told
	// Since is from which index on each pattern is watched: what a package was before
	// is what its owner expects. Nil until all was read once.
	Since map[pattern]uint64 `json:"since"`
}

// watchedPackage is a package with the records that were read.
type watchedPackage struct {
	name     protocol.PackageName
	log      protocol.PackageLog
	next     uint64                  // behind the last record that was taken in
	baseline map[protocol.KeyID]bool // keys that it had when watching began; nil before
}

// watched are the packages that are watched, with their logs, and how far the records
// log was read.
type watched struct {
	store        audit.Store
	patterns     []pattern
	expectations *expectations
	position     position
	packages     map[string]*watchedPackage
	read         uint64      // index of the next record to read
	pending      []audit.Put // records that are not in the store
}

// openWatched reads what an earlier process knew. Patterns that are new are watched from
// the first record on that was not told; the log is read from its beginning for them.
func openWatched(ctx context.Context, store audit.Store, patterns []pattern, e *expectations) (*watched, error) {
	w := &watched{store: store, patterns: patterns, expectations: e, packages: map[string]*watchedPackage{}}
	text, err := store.Get(ctx, watchSpace, []byte(watchKey))
	if err != nil || text == nil {
		return w, err
	}
	if err := json.Unmarshal(text, &w.position); err != nil || w.position.Since == nil {
		return nil, fmt.Errorf("the position in the state can not be read: %w", err)
	}
	w.read = w.position.Next
	for _, p := range patterns {
		if _, known := w.position.Since[p]; !known {
			w.position.Since[p], w.read = w.position.Next, 0
		}
	}
	maps.DeleteFunc(w.position.Since, func(p pattern, _ uint64) bool { return !slices.Contains(patterns, p) })
	var after []byte
	for {
		items, err := store.List(ctx, watchedSpace, after, maxListedOnce)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if err := w.replay(item); err != nil {
				return nil, fmt.Errorf("a record in the state: %w", err)
			}
			after = item.Key
		}
		if len(items) < maxListedOnce {
			return w, nil
		}
	}
}

// replay takes in a record of the state.
func (w *watched) replay(item audit.Item) error {
	name, index, found := strings.Cut(string(item.Key), "\x00")
	if !found || len(index) != 8 {
		return fmt.Errorf("its key is %q", item.Key)
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(item.Value)
	if err != nil {
		return err
	}
	_, err = w.take(mirror.Record{Name: name, Index: binary.BigEndian.Uint64([]byte(index)), Envelope: envelope})
	return err
}

// visit takes in the next record of the log, and returns what is to be told about it;
// nil for nothing.
func (w *watched) visit(r mirror.Record) (*watchedRecord, error) {
	w.read = r.Index + 1
	if r.Name == "" {
		return nil, nil
	}
	said, err := w.take(r)
	if err != nil || said == nil {
		return nil, err
	}
	key := binary.BigEndian.AppendUint64([]byte(r.Name+"\x00"), r.Index)
	w.pending = append(w.pending, audit.Put{Space: watchedSpace, Key: key, Value: r.Envelope.MarshalProto()})
	if w.position.Since == nil || r.Index < w.position.Next {
		return nil, nil
	}
	return said, nil
}

// take validates a record and takes it in; nil if it is not watched, or was taken in
// before.
func (w *watched) take(r mirror.Record) (*watchedRecord, error) {
	name, err := protocol.ParsePackageName(r.Name)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(w.patterns, func(p pattern) bool { return p.matches(name) }) {
		return nil, nil
	}
	p := w.packages[r.Name]
	if p == nil {
		p = &watchedPackage{name: name}
		w.packages[r.Name] = p
	}
	if r.Index < p.next {
		return nil, nil
	}
	p.next = r.Index + 1
	if p.baseline == nil && w.position.Since != nil && r.Index >= w.since(name) {
		p.baseline = keysOf(&p.log)
	}
	record, invalid := p.validate(r.Envelope)
	said := changesOf(r, record, invalid, w.expected(p))
	return &said, nil
}

func (p *watchedPackage) validate(envelope protocol.Envelope) (*protocol.PackageRecord, error) {
	parsed, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	return parsed.Record, p.log.Validate(parsed)
}

// since is from which index on a package is watched.
func (w *watched) since(name protocol.PackageName) uint64 {
	since := uint64(math.MaxUint64)
	for p, at := range w.position.Since {
		if p.matches(name) {
			since = min(since, at)
		}
	}
	return since
}

// expected is what the file says about a package, or else that its keys stay those that
// it had.
func (w *watched) expected(p *watchedPackage) expected {
	if e, ok := w.expectations.of(p.name); ok {
		return e
	}
	return expected{keys: p.baseline}
}

func keysOf(log *protocol.PackageLog) map[protocol.KeyID]bool {
	keys := map[protocol.KeyID]bool{}
	for id, permissions := range log.Permissions() {
		if len(permissions) > 0 {
			keys[id] = true
		}
	}
	return keys
}

// commit keeps how far the watcher came, with the tree head that was read last.
func (w *watched) commit(ctx context.Context, head tlog.TreeHead) error {
	if w.position.Since == nil && head.Origin == "" {
		return nil // nothing was read to its end yet
	}
	next := max(w.position.Next, w.read)
	if w.position.Since != nil && len(w.pending) == 0 && head == w.position.Head && next == w.position.Next {
		return nil
	}
	w.position.Head, w.position.Next = head, next
	if w.position.Since == nil {
		w.position.Since = map[pattern]uint64{}
		for _, p := range w.patterns {
			w.position.Since[p] = w.position.Next
		}
		for _, p := range w.packages {
			p.baseline = keysOf(&p.log)
		}
	}
	text, err := json.Marshal(w.position)
	if err != nil {
		return err
	}
	err = w.store.Commit(ctx, append(w.pending, audit.Put{Space: watchSpace, Key: []byte(watchKey), Value: text}))
	if err == nil {
		w.pending = nil
	}
	return err
}

package audit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

const testOrigin = "registry.example"

// world is an honest registry in memory, built with the protocol's own signing. Tests
// make it lie by changing what is in it, or what it answers.
type world struct {
	t        testing.TB
	origin   string
	now      time.Time
	operator protocol.PrivateKey
	author   protocol.PrivateKey
	noteKeys map[tlog.Log]*tlog.NoteKey
	witness  *witnesstest.Key

	records     []worldRecord
	tree        *memoryTree
	heads       map[protocol.Hash]protocol.Hash // as the map has them
	prev        map[string]protocol.Hash        // by name
	checkpoints []worldCheckpoint
	cpTree      *memoryTree
	unlogged    []worldCheckpoint // signed, and not in the checkpoints log
	signed      protocol.SignedCheckpoint
	contents    map[protocol.Hash][]byte
	statements  []withheld.Signed   // on withheld content
	noteSize    map[tlog.Log]uint64 // of notes, if they are behind
	cosigned    time.Time           // when; zero: now
	keepMaps    bool                // maps of old checkpoints, for proofs; otherwise:
	live        packageMap
	fresh       map[protocol.Hash]protocol.Hash // heads that live has not

	noTiles bool // as the reference server
	tamper  func(path string, asked []byte, status int, answer []byte) (int, []byte)
	extra   map[tlog.Log]string // signature lines on notes, instead of the witness's
}

type worldRecord struct {
	leaf  protocol.LogLeaf
	entry []byte
	named tlog.NamedEnvelope
}

type worldCheckpoint struct {
	protocol.Checkpoint
	heads map[protocol.Hash]protocol.Hash
	m     packageMap
	raw   []byte // the entry, if it is no checkpoint
}

// Encode is the entry.
func (c worldCheckpoint) Encode() []byte {
	if c.raw != nil {
		return c.raw
	}
	return c.Checkpoint.Encode()
}

func newKey(t testing.TB) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var testTime = time.Unix(1_800_000_000, 0)

func newWorld(t testing.TB) *world { return newWorldOf(t, testOrigin) }

// newWorldOf is a registry of some origin.
func newWorldOf(t testing.TB, origin string) *world {
	w := emptyWorld(t)
	w.origin = origin
	w.makeNoteKeys()
	w.begin()
	return w
}

// begin publishes the operator's first record.
func (w *world) begin() {
	w.operate(w.operator, protocol.OperatorEntry{Type: protocol.EntryInit, Key: w.operator.Public()},
		protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: "example"})
	w.checkpoint()
}

func emptyWorld(t testing.TB) *world {
	w := &world{
		t: t, origin: testOrigin, now: testTime, operator: newKey(t), author: newKey(t), noteKeys: map[tlog.Log]*tlog.NoteKey{},
		witness: witnesstest.NewKey("w.example"), tree: new(memoryTree), cpTree: new(memoryTree), keepMaps: true,
		live: packageMap{memoryMap{}}, fresh: map[protocol.Hash]protocol.Hash{},
		heads: map[protocol.Hash]protocol.Hash{}, prev: map[string]protocol.Hash{}, contents: map[protocol.Hash][]byte{},
		noteSize: map[tlog.Log]uint64{}, extra: map[tlog.Log]string{},
	}
	w.makeNoteKeys()
	return w
}

func (w *world) makeNoteKeys() {
	for _, log := range tlog.Logs {
		text, err := tlog.GenerateNoteKey(log.Origin(w.origin), log == tlog.Records)
		must(w.t, err)
		w.noteKeys[log], err = tlog.ParseNoteKey(text)
		must(w.t, err)
	}
}

func (w *world) time() protocol.Time {
	w.now = w.now.Add(time.Second)
	return protocol.TimeOf(w.now)
}

func (w *world) any(name string) protocol.AnyHash {
	if prev, ok := w.prev[name]; ok {
		return prev.Any()
	}
	return ""
}

// operate publishes an operator record.
func (w *world) operate(key protocol.PrivateKey, entries ...protocol.OperatorEntry) {
	r := protocol.OperatorRecord{Prev: w.any(""), Time: w.time(), Entries: entries}
	w.add("", r.Sign(key))
}

// publish publishes a package record.
func (w *world) publish(name string, key protocol.PrivateKey, entries ...protocol.PackageEntry) {
	r := protocol.PackageRecord{Prev: w.any(name), Time: w.time(), Entries: entries}
	w.add(name, r.Sign(key))
}

// release publishes a version with some content, and the package if it is new.
func (w *world) release(name, version string) {
	content := []byte("content of " + name + " " + version)
	digest := protocol.HashOf(content)
	w.contents[digest] = content
	var entries []protocol.PackageEntry
	if _, ok := w.prev[name]; !ok {
		entries = append(entries, protocol.PackageEntry{Type: protocol.EntryInit, Key: w.author.Public()})
	}
	w.publish(name, w.author, append(entries, protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: digest.Any()})...)
}

func (w *world) add(name string, envelope protocol.Envelope) {
	leaf := protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}
	if name != "" {
		n, err := protocol.ParsePackageName(name)
		must(w.t, err)
		leaf = protocol.LogLeaf{LogID: n.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}
	}
	w.prev[name] = leaf.RecordID
	w.heads[leaf.LogID], w.fresh[leaf.LogID] = leaf.RecordID, leaf.RecordID
	w.records = append(w.records, worldRecord{leaf, leaf.Encode(), tlog.NamedEnvelope{Name: name, Envelope: envelope.MarshalProto()}})
	w.tree.append(leaf.Hash())
}

// checkpoint signs one over all records.
func (w *world) checkpoint() { w.checkpointOf(w.heads, true) }

// checkpointOf signs one with a map of some heads, and puts it in the checkpoints log.
func (w *world) checkpointOf(heads map[protocol.Hash]protocol.Hash, log bool) {
	c := worldCheckpoint{Checkpoint: protocol.Checkpoint{LogLength: uint64(len(w.records)), LogRoot: w.rootAt(w.tree, uint64(len(w.records)))}}
	if w.keepMaps {
		c.heads, c.m = maps.Clone(heads), packageMap{memoryMap{}}
		root, err := c.m.update(context.Background(), sortedHeads(heads))
		must(w.t, err)
		c.MapRoot = root
	} else {
		root, err := w.live.update(context.Background(), sortedHeads(w.fresh))
		must(w.t, err)
		clear(w.fresh)
		c.MapRoot = root
	}
	w.sign(c, w.operator, log)
}

func (w *world) sign(c worldCheckpoint, key protocol.PrivateKey, log bool) {
	w.now = w.now.Add(time.Second)
	stamped, err := protocol.NewTimestampedCheckpoint(c.Checkpoint, w.now)
	must(w.t, err)
	w.signed = stamped.Sign(key)
	if !log {
		w.unlogged = append(w.unlogged, c)
	} else {
		w.checkpoints = append(w.checkpoints, c)
		w.cpTree.append(leafHash(c.Encode()))
	}
}

func (w *world) rootAt(tree *memoryTree, size uint64) protocol.Hash {
	r, err := rangeAt(context.Background(), tree, size)
	must(w.t, err)
	return rangeRoot(r)
}

func (w *world) vkeys() (all []string) {
	for _, log := range tlog.Logs {
		all = append(all, w.noteKeys[log].VKeys()...)
	}
	return all
}

func (w *world) policy() []byte {
	return []byte(strings.Join([]string{"witness w " + w.witness.VKey, "quorum w", ""}, "\n"))
}

func (w *world) options() Options {
	return Options{
		OperatorKey: w.operator.Public(), VKeys: w.vkeys(), Policy: w.policy(), Content: true,
		Now:   func() time.Time { return w.now },
		Pause: func(context.Context, time.Duration) error { return nil },
	}
}

func (w *world) String() string { return "https://" + w.origin + "/" }

// Open implements [Source].
func (w *world) Open(_ context.Context, r Request) (int, io.ReadCloser, error) {
	status, answer := w.answer(r)
	if w.tamper != nil {
		status, answer = w.tamper(r.Path, r.Body, status, slices.Clone(answer))
	}
	return status, io.NopCloser(bytes.NewReader(answer)), nil
}

func (w *world) answer(r Request) (int, []byte) {
	for _, log := range tlog.Logs {
		if path, ok := strings.CutPrefix(r.Path, log.Path()+"/"); ok && !w.noTiles {
			return w.file(log, path)
		}
	}
	return w.answerAPI(r)
}

func (w *world) size(log tlog.Log) uint64 {
	if n, ok := w.noteSize[log]; ok {
		return n
	}
	if log == tlog.Records {
		return w.checkpoints[len(w.checkpoints)-1].LogLength
	}
	return uint64(len(w.checkpoints))
}

func (w *world) treeOf(log tlog.Log) *memoryTree {
	if log == tlog.Records {
		return w.tree
	}
	return w.cpTree
}

func (w *world) note(log tlog.Log) []byte {
	size := w.size(log)
	text, err := w.noteKeys[log].Sign(tlog.TreeHead{Origin: log.Origin(w.origin), Size: size, Root: w.rootAt(w.treeOf(log), size)})
	must(w.t, err)
	if extra, ok := w.extra[log]; ok {
		return append(text, extra...)
	}
	at := w.cosigned
	if at.IsZero() {
		at = w.now
	}
	return append(text, w.witness.Cosign(w.t, text, uint64(at.Unix()))...)
}

func (w *world) file(log tlog.Log, path string) (int, []byte) {
	if path == tlog.CheckpointPath {
		return 200, w.note(log)
	}
	f, err := tlog.ParsePath(path)
	size := w.treeOf(log).size()
	if err != nil || f.Width > tlog.Width(f.Level, f.Index, size) || f.Kind == tlog.Envelopes && log != tlog.Records {
		return 404, nil
	}
	first := f.Index * tlog.TileWidth
	var b []byte
	switch f.Kind {
	case tlog.Tile:
		for i := range uint64(f.Width) {
			hash, err := w.treeOf(log).node(context.Background(), uint(8*f.Level), first+i)
			must(w.t, err)
			b = append(b, hash[:]...)
		}
	case tlog.Entries:
		var entries [][]byte
		for i := range uint64(f.Width) {
			if log == tlog.Records {
				entries = append(entries, w.records[first+i].entry)
			} else {
				entries = append(entries, w.checkpoints[first+i].Encode())
			}
		}
		b, err = tlog.EncodeEntries(entries)
		must(w.t, err)
	case tlog.Envelopes:
		var named []tlog.NamedEnvelope
		for i := range uint64(f.Width) {
			named = append(named, w.records[first+i].named)
		}
		b = tlog.EncodeEnvelopes(named)
	}
	return 200, b
}

// audit runs a round over a store.
func (w *world) audit(store Store) (*Report, error) {
	w.t.Helper()
	return w.auditWith(store, w.options())
}

func (w *world) auditWith(store Store, o Options) (*Report, error) {
	w.t.Helper()
	a, err := New(w, store, o)
	must(w.t, err)
	return a.Round(context.Background())
}

// clean demands a round without findings.
func (w *world) clean(store Store) *Report {
	w.t.Helper()
	report, err := w.audit(store)
	must(w.t, err)
	for _, f := range report.Findings {
		w.t.Errorf("found in an honest registry: %s", f)
	}
	return report
}

// some publishes records of a few packages under some checkpoints.
func (w *world) some(checkpoints int) {
	for i := range checkpoints {
		for j := range 3 {
			w.release(fmt.Sprintf("example:p%c", 'a'+(i+j)%5), fmt.Sprintf("1.%d.0", len(w.records)))
		}
		w.checkpoint()
	}
}

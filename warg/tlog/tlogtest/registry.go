package tlogtest

import (
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Origin is the origin of the registry.
const Origin = "registry.example.com"

// Namespace is the only one that the operator log defines.
const Namespace = "example"

// Registry is a registry with an operator log of one record.
type Registry struct {
	Operator protocol.PrivateKey
	Author   protocol.PrivateKey // of all packages
	Keys     map[tlog.Log]*tlog.NoteKey

	t         testing.TB
	envelopes []tlog.NamedEnvelope
	indexes   map[string][]int // of the records of packages by name
	heads     map[protocol.Hash]protocol.Hash
	entries   map[tlog.Log][][]byte
	hashes    map[tlog.Log][]protocol.Hash
}

// New returns a registry whose log has the record of the operator alone.
func New(t testing.TB) *Registry {
	r := &Registry{
		t: t, Operator: newKey(t), Author: newKey(t), Keys: map[tlog.Log]*tlog.NoteKey{}, indexes: map[string][]int{},
		heads: map[protocol.Hash]protocol.Hash{}, entries: map[tlog.Log][][]byte{}, hashes: map[tlog.Log][]protocol.Hash{},
	}
	for _, log := range tlog.Logs {
		r.Keys[log] = NoteKey(t, log.Origin(Origin))
	}
	record := &protocol.OperatorRecord{Time: protocol.Time{Seconds: 1}, Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryInit, Key: r.Operator.Public()},
		{Type: protocol.EntryDefineNamespace, Namespace: Namespace},
	}}
	r.Append("", record.Sign(r.Operator))
	return r
}

func newKey(t testing.TB) protocol.PrivateKey {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// NoteKey returns a new note key, for Ed25519.
func NoteKey(t testing.TB, name string) *tlog.NoteKey {
	text, err := tlog.GenerateNoteKey(name, false)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Append appends a record to the log, of a package or with "" of the operator, whether
// or not it is valid.
func (r *Registry) Append(name string, envelope protocol.Envelope) {
	leaf := protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}
	if name != "" {
		parsed, err := protocol.ParsePackageName(name)
		if err != nil {
			r.t.Fatal(err)
		}
		leaf = protocol.LogLeaf{LogID: parsed.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}
		r.indexes[name] = append(r.indexes[name], len(r.envelopes))
	}
	r.heads[leaf.LogID] = leaf.RecordID
	r.envelopes = append(r.envelopes, tlog.NamedEnvelope{Name: name, Envelope: envelope.MarshalProto()})
	r.appendEntry(tlog.Records, leaf.Encode())
}

func (r *Registry) appendEntry(log tlog.Log, entry []byte) {
	r.entries[log] = append(r.entries[log], entry)
	r.hashes[log] = append(r.hashes[log], leafHash(entry))
}

// Next signs a record with these entries on the head of a package's log, by the author
// or the key given.
func (r *Registry) Next(name string, by *protocol.PrivateKey, entries ...protocol.PackageEntry) protocol.Envelope {
	record := &protocol.PackageRecord{Time: protocol.Time{Seconds: int64(100 + len(r.envelopes))}, Entries: entries}
	if before := r.indexes[name]; len(before) > 0 {
		envelope, err := protocol.UnmarshalEnvelopeProto(r.envelopes[before[len(before)-1]].Envelope)
		if err != nil {
			r.t.Fatal(err)
		}
		record.Prev = protocol.PackageRecordID(envelope.Content).Any()
	}
	if by == nil {
		by = &r.Author
	}
	return record.Sign(*by)
}

// Init begins a package.
func (r *Registry) Init(name string) {
	r.Append(name, r.Next(name, nil, protocol.PackageEntry{Type: protocol.EntryInit, Key: r.Author.Public()}))
}

// Release releases content of a package.
func (r *Registry) Release(name, version string, content []byte) {
	r.Append(name, r.Next(name, nil, protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf(content).Any()}))
}

// Yank yanks a release.
func (r *Registry) Yank(name, version string) {
	r.Append(name, r.Next(name, nil, protocol.PackageEntry{Type: protocol.EntryYank, Version: version}))
}

// Checkpoint returns the checkpoint of all records so far.
func (r *Registry) Checkpoint() protocol.Checkpoint {
	return protocol.Checkpoint{
		LogRoot: Root(r.hashes[tlog.Records]), LogLength: uint64(len(r.hashes[tlog.Records])), MapRoot: mapRoot(r.heads),
	}
}

// Publish appends the checkpoint of all records so far to the checkpoints log.
func (r *Registry) Publish() { r.appendEntry(tlog.Checkpoints, r.Checkpoint().Encode()) }

// AppendCheckpoint appends any checkpoint to the checkpoints log.
func (r *Registry) AppendCheckpoint(c protocol.Checkpoint) {
	r.appendEntry(tlog.Checkpoints, c.Encode())
}

// Records returns the indexes in the records log of a package's records.
func (r *Registry) Records(name string) []int { return r.indexes[name] }

// Envelope returns the envelope at an index of the records log, as a protobuf message.
func (r *Registry) Envelope(index int) []byte { return r.envelopes[index].Envelope }

// Size is the number of leaves of a log.
func (r *Registry) Size(log tlog.Log) int { return len(r.entries[log]) }

// Path is the inclusion proof of a leaf of a log as it stands.
func (r *Registry) Path(log tlog.Log, index int) []protocol.Hash { return Path(r.hashes[log], index) }

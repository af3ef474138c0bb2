// Package registrytest opens whole registries on real parts, for the tests of
// the packages that make one up.
package registrytest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Setup is a registry on real parts: SQLite, the embedded Trillian, a content
// folder. Content is refused if it begins with "bad".
type Setup struct {
	T   *testing.T
	Dir string
	Key protocol.PrivateKey
	// NoteKeys are those of the records log and of the checkpoints log.
	NoteKeys [2]*tlog.NoteKey
	Options  parts.Options
	// CacheBytes bounds what is kept in memory, from the next Renew on.
	CacheBytes int64
	Service    *trilliansvc.Service
	*parts.Registry
	stop    func()
	Stopped <-chan struct{} // Run has returned
}

func NewKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Origin is the origin of the registry of [New].
const Origin = "registry.example.com"

// NewNoteKey returns a note key for a log of the registry.
func NewNoteKey(t *testing.T, log tlog.Log) *tlog.NoteKey {
	t.Helper()
	text, err := tlog.GenerateNoteKey(log.Origin(Origin), false)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func New(t *testing.T) *Setup {
	s := &Setup{T: t, Dir: t.TempDir(), Key: NewKey(t), CacheBytes: 1 << 20}
	s.Open()
	t.Cleanup(func() { s.Close() })
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	return s
}

func (s *Setup) Open() {
	s.T.Helper()
	if s.NoteKeys[0] == nil {
		s.NoteKeys = [2]*tlog.NoteKey{NewNoteKey(s.T, tlog.Records), NewNoteKey(s.T, tlog.Checkpoints)}
	}
	ctx := context.Background()
	db, err := store.OpenSQLite(ctx, filepath.Join(s.Dir, "registry.db"))
	s.Must(err)
	s.Service, err = trilliansvc.Embedded(ctx, s.Dir, slog.New(slog.DiscardHandler))
	s.Must(err)
	records, err := s.Service.OpenLog(ctx, 0, "records")
	s.Must(err)
	checkpoints, err := s.Service.OpenLog(ctx, 0, "checkpoints")
	s.Must(err)
	folder, err := content.OpenFolder(filepath.Join(s.Dir, "content"), content.FolderOptions{MaxSize: 1 << 20})
	s.Must(err)
	s.Options = parts.Options{
		Store: db, Records: records, Checkpoints: checkpoints, Contents: folder,
		Keys: signing.New(s.Key), Now: time.Now, Logger: slog.New(slog.NewTextHandler(s.T.Output(), nil)),
		Admission: admission.Options{CheckContent: refuseBad, UploadTimeout: time.Hour},
		Publisher: publisher.Options{CheckpointInterval: 5 * time.Millisecond, RepublishInterval: time.Hour, InFlightPerLog: 16,
			RecordsNoteKey: s.NoteKeys[0], CheckpointsNoteKey: s.NoteKeys[1]},
	}
	s.Renew()
}

// Renew is a new process with the options as they are, and nothing in its memory.
func (s *Setup) Renew() {
	s.Options.Cache = cache.New(s.CacheBytes)
	s.Registry = parts.New(s.Options)
}

func refuseBad(_ context.Context, f io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 3))
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	if string(head) == "bad" {
		return &content.RejectedError{Reason: "it is bad"}
	}
	return nil
}

func (s *Setup) Must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

func (s *Setup) InitOperator(n admission.Namespaces) {
	s.T.Helper()
	s.Must(s.InitOperatorLog(context.Background(), n))
}

// run lets the registry publish until stopRunning or close.
func (s *Setup) Start() {
	s.stop, s.Stopped = startRun(s.T, s.Registry)
}

func Start(t *testing.T, r *parts.Registry) (stop func()) {
	stop, _ = startRun(t, r)
	return stop
}

func startRun(t *testing.T, r *parts.Registry) (stop func(), stopped <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	return func() { cancel(); <-done }, done
}

func (s *Setup) Stop() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *Setup) Close() {
	s.Stop()
	if err := errors.Join(s.Service.Close(), s.Options.Store.Close()); err != nil {
		s.T.Error(err)
	}
}

// reopen is a new process on the same folder.
func (s *Setup) Reopen() {
	s.T.Helper()
	s.Close()
	s.Open()
}

// Author writes the records of one package.
type Author struct {
	S    *Setup
	Name protocol.PackageName
	Key  protocol.PrivateKey
	Head protocol.AnyHash // the newest record, as this author knows it
	Time time.Time        // of that record
}

func (s *Setup) Author(name string) *Author {
	s.T.Helper()
	parsed, err := protocol.ParsePackageName(name)
	s.Must(err)
	return &Author{S: s, Name: parsed, Key: NewKey(s.T), Time: time.Now()}
}

func Init(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: key.Public()}
}

func Release(version, text string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf([]byte(text)).Any()}
}

func Yank(version string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryYank, Version: version}
}

// Grant gives a key the permission to yank.
func Grant(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}}
}

// Sign makes a record behind the head as this author knows it.
func (a *Author) Sign(key protocol.PrivateKey, entries ...protocol.PackageEntry) protocol.Envelope {
	a.Time = a.Time.Add(time.Millisecond)
	record := protocol.PackageRecord{Prev: a.Head, Time: protocol.TimeOf(a.Time), Entries: entries}
	return record.Sign(key)
}

// try posts a record, which becomes the head if it is accepted.
func (a *Author) Try(envelope protocol.Envelope) (registry.RecordStatus, error) {
	status, err := a.S.Publish(context.Background(), a.Name.LogID(), a.Name, envelope)
	if err == nil {
		a.Head = status.RecordID.Any()
	}
	return status, err
}

// post posts a record that must be accepted.
func (a *Author) Post(entries ...protocol.PackageEntry) registry.RecordStatus {
	a.S.T.Helper()
	status, err := a.Try(a.Sign(a.Key, entries...))
	if err != nil {
		a.S.T.Fatalf("%s: %v", a.Name, err)
	}
	return status
}

func (a *Author) Upload(record protocol.Hash, text string) error {
	return a.S.UploadContent(context.Background(), a.Name.LogID(), record, protocol.HashOf([]byte(text)), bytes.NewReader([]byte(text)))
}

func (a *Author) Status(record protocol.Hash) registry.RecordStatus {
	a.S.T.Helper()
	status, err := a.S.RecordStatus(context.Background(), a.Name.LogID(), record)
	a.S.Must(err)
	return status
}

// wait waits until a record is published, or rejected, and returns its status.
func (a *Author) Wait(record protocol.Hash) registry.RecordStatus {
	a.S.T.Helper()
	var status registry.RecordStatus
	a.S.Eventually("a record is published", func() bool {
		status = a.Status(record)
		return status.State == registry.Published || status.State == registry.Rejected
	})
	return status
}

func (s *Setup) Eventually(what string, ok func() bool) {
	s.T.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.T.Fatalf("waited in vain until %s; ready: %v", what, s.Ready(context.Background()))
		}
	}
}

// checkPublished checks all that the newest checkpoint promises: its roots are
// those recomputed from the leaves, its signature holds, each log's records come
// in order and are valid, the checkpoints log has every checkpoint.
func (s *Setup) CheckPublished() {
	s.T.Helper()
	ctx := context.Background()
	signed, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	if err := signed.Verify(s.Key.Public()); err != nil {
		s.T.Errorf("checkpoint signature: %v", err)
	}
	contents := signed.Contents
	leaves, err := s.Leaves(ctx, 0, int(contents.LogLength)+1)
	s.Must(err)
	if uint64(len(leaves)) != contents.LogLength {
		s.T.Fatalf("%d leaves, checkpoint has %d", len(leaves), contents.LogLength)
	}
	if got := LogRoot(s, leaves); got != contents.LogRoot {
		s.T.Errorf("log root of the leaves is %s, signed was %s", got, contents.LogRoot)
	}
	heads := map[protocol.Hash]protocol.Hash{}
	for _, leaf := range leaves {
		heads[leaf.LogID] = leaf.RecordID
	}
	if got := mapRoot(heads); got != contents.MapRoot {
		s.T.Errorf("map root of the heads is %s, signed was %s", got, contents.MapRoot)
	}
	if leaves[0].LogID != protocol.OperatorLogID() {
		s.T.Error("leaf 0 is not the operator's first record")
	}
	s.CheckLogs(contents.LogLength, leaves, heads)
}

// checkLogs validates every log as a client does and compares with the leaves.
func (s *Setup) CheckLogs(length uint64, leaves []protocol.LogLeaf, heads map[protocol.Hash]protocol.Hash) {
	s.T.Helper()
	query := reader.FetchLogsRequest{LogLength: length, Limit: 1000}
	for id := range heads {
		if id != protocol.OperatorLogID() {
			query.Packages = append(query.Packages, reader.PackageLogCursor{LogID: id})
		}
	}
	answer, err := s.FetchLogs(context.Background(), query)
	s.Must(err)
	if answer.More {
		s.T.Fatal("more records than this test reads")
	}
	total := len(answer.Operator)
	for _, p := range answer.Packages {
		var log protocol.PackageLog
		for _, r := range p.Records {
			record, err := protocol.ParsePackageEnvelope(r.Envelope)
			s.Must(err)
			if err := log.Validate(record); err != nil {
				s.T.Errorf("log %s, record %s: %v", p.LogID, r.RecordID, err)
			}
			if want := (protocol.LogLeaf{LogID: p.LogID, RecordID: r.RecordID}); leaves[r.RegistryIndex] != want {
				s.T.Errorf("leaf %d is not record %s", r.RegistryIndex, r.RecordID)
			}
		}
		if head, _, _ := log.Head(); head != heads[p.LogID] {
			s.T.Errorf("log %s: head %s, the leaves say %s", p.LogID, head, heads[p.LogID])
		}
		total += len(p.Records)
	}
	if total != len(leaves) {
		s.T.Errorf("%d records in logs, %d leaves", total, len(leaves))
	}
}

func LogRoot(s *Setup, leaves []protocol.LogLeaf) protocol.Hash {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		s.Must(tree.Append(rfc6962.DefaultHasher.HashLeaf(leaf.Encode()), nil))
	}
	root, err := tree.GetRootHash(nil)
	s.Must(err)
	return protocol.Hash(root)
}

// mapRoot computes the map from its definition.
func mapRoot(heads map[protocol.Hash]protocol.Hash) protocol.Hash {
	type entry struct{ path, leaf protocol.Hash }
	var entries []entry
	for log, record := range heads {
		entries = append(entries, entry{protocol.MapKey(log), protocol.MapLeafHash(record)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.path[:], b.path[:]) })
	var subtree func(depth int, in []entry) protocol.Hash
	subtree = func(depth int, in []entry) protocol.Hash {
		switch {
		case len(in) == 0:
			return proof.EmptyMapHash(proof.MapDepth - depth)
		case depth == proof.MapDepth:
			return in[0].leaf
		}
		middle, _ := slices.BinarySearchFunc(in, true, func(e entry, _ bool) int {
			return cmp.Compare(e.path[depth/8]>>(7-depth%8)&1, 1)
		})
		left, right := subtree(depth+1, in[:middle]), subtree(depth+1, in[middle:])
		return protocol.HashOf([]byte{1}, left[:], right[:])
	}
	return subtree(0, entries)
}

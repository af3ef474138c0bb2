package registry_test

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

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// setup is a registry on real parts: SQLite, the embedded Trillian, a content
// folder. Content is refused if it begins with "bad".
type setup struct {
	t       *testing.T
	dir     string
	key     protocol.PrivateKey
	options registry.Options
	service *trilliansvc.Service
	*registry.Registry
	stop    func()
	stopped <-chan struct{} // Run has returned
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSetup(t *testing.T) *setup {
	s := &setup{t: t, dir: t.TempDir(), key: newKey(t)}
	s.open()
	t.Cleanup(func() { s.close() })
	s.init(registry.Namespaces{Defined: []string{"example"}})
	return s
}

func (s *setup) open() {
	s.t.Helper()
	ctx := context.Background()
	db, err := store.OpenSQLite(ctx, filepath.Join(s.dir, "registry.db"))
	s.must(err)
	s.service, err = trilliansvc.Embedded(ctx, s.dir, slog.New(slog.DiscardHandler))
	s.must(err)
	records, err := s.service.OpenLog(ctx, 0, "records")
	s.must(err)
	checkpoints, err := s.service.OpenLog(ctx, 0, "checkpoints")
	s.must(err)
	folder, err := content.OpenFolder(filepath.Join(s.dir, "content"), 1<<20)
	s.must(err)
	s.options = registry.Options{
		Store: db, Records: records, Checkpoints: checkpoints, Contents: folder, Index: index.NewTree(100),
		CheckContent: refuseBad, OperatorKey: s.key, CheckpointInterval: 5 * time.Millisecond, ResignInterval: time.Hour,
		UploadTimeout: time.Hour, InFlightPerLog: 16, Now: time.Now, Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
	}
	s.Registry = registry.New(s.options)
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

func (s *setup) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *setup) init(n registry.Namespaces) {
	s.t.Helper()
	s.must(s.InitOperatorLog(context.Background(), n))
}

// run lets the registry publish until stopRunning or close.
func (s *setup) run() {
	s.stop, s.stopped = startRun(s.t, s.Registry)
}

func start(t *testing.T, r *registry.Registry) (stop func()) {
	stop, _ = startRun(t, r)
	return stop
}

func startRun(t *testing.T, r *registry.Registry) (stop func(), stopped <-chan struct{}) {
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

func (s *setup) stopRunning() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *setup) close() {
	s.stopRunning()
	if err := errors.Join(s.service.Close(), s.options.Store.Close()); err != nil {
		s.t.Error(err)
	}
}

// reopen is a new process on the same folder.
func (s *setup) reopen() {
	s.t.Helper()
	s.close()
	s.open()
}

// author writes the records of one package.
type author struct {
	s    *setup
	name protocol.PackageName
	key  protocol.PrivateKey
	head protocol.AnyHash
	time time.Time
}

func (s *setup) author(name string) *author {
	s.t.Helper()
	parsed, err := protocol.ParsePackageName(name)
	s.must(err)
	return &author{s: s, name: parsed, key: newKey(s.t), time: time.Now()}
}

func initEntry(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: key.Public()}
}

func release(version, text string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: protocol.HashOf([]byte(text)).Any()}
}

func yank(version string) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryYank, Version: version}
}

// sign makes a record behind the head as this author knows it.
func (a *author) sign(key protocol.PrivateKey, entries ...protocol.PackageEntry) protocol.Envelope {
	a.time = a.time.Add(time.Millisecond)
	record := protocol.PackageRecord{Prev: a.head, Time: protocol.TimeOf(a.time), Entries: entries}
	return record.Sign(key)
}

// try posts a record, which becomes the head if it is accepted.
func (a *author) try(envelope protocol.Envelope) (registry.RecordStatus, error) {
	status, err := a.s.Publish(context.Background(), a.name.LogID(), a.name, envelope)
	if err == nil {
		a.head = status.RecordID.Any()
	}
	return status, err
}

// post posts a record that must be accepted.
func (a *author) post(entries ...protocol.PackageEntry) registry.RecordStatus {
	a.s.t.Helper()
	status, err := a.try(a.sign(a.key, entries...))
	if err != nil {
		a.s.t.Fatalf("%s: %v", a.name, err)
	}
	return status
}

func (a *author) upload(record protocol.Hash, text string) error {
	return a.s.UploadContent(context.Background(), a.name.LogID(), record, protocol.HashOf([]byte(text)), bytes.NewReader([]byte(text)))
}

func (a *author) status(record protocol.Hash) registry.RecordStatus {
	a.s.t.Helper()
	status, err := a.s.RecordStatus(context.Background(), a.name.LogID(), record)
	a.s.must(err)
	return status
}

// wait waits until a record is published, or rejected, and returns its status.
func (a *author) wait(record protocol.Hash) registry.RecordStatus {
	a.s.t.Helper()
	var status registry.RecordStatus
	a.s.eventually("a record is published", func() bool {
		status = a.status(record)
		return status.State == registry.Published || status.State == registry.Rejected
	})
	return status
}

func (s *setup) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain until %s; ready: %v", what, s.Ready(context.Background()))
		}
	}
}

// checkPublished checks all that the newest checkpoint promises: its roots are
// those recomputed from the leaves, its signature holds, each log's records come
// in order and are valid, the checkpoints log has every checkpoint.
func (s *setup) checkPublished() {
	s.t.Helper()
	ctx := context.Background()
	signed, err := s.LatestCheckpoint(ctx)
	s.must(err)
	if err := signed.Verify(s.key.Public()); err != nil {
		s.t.Errorf("checkpoint signature: %v", err)
	}
	contents := signed.Contents
	leaves, err := s.Leaves(ctx, 0, int(contents.LogLength)+1)
	s.must(err)
	if uint64(len(leaves)) != contents.LogLength {
		s.t.Fatalf("%d leaves, checkpoint has %d", len(leaves), contents.LogLength)
	}
	if got := logRoot(s, leaves); got != contents.LogRoot {
		s.t.Errorf("log root of the leaves is %s, signed was %s", got, contents.LogRoot)
	}
	heads := map[protocol.Hash]protocol.Hash{}
	for _, leaf := range leaves {
		heads[leaf.LogID] = leaf.RecordID
	}
	if got := mapRoot(heads); got != contents.MapRoot {
		s.t.Errorf("map root of the heads is %s, signed was %s", got, contents.MapRoot)
	}
	if leaves[0].LogID != protocol.OperatorLogID() {
		s.t.Error("leaf 0 is not the operator's first record")
	}
	s.checkLogs(contents.LogLength, leaves, heads)
}

// checkLogs validates every log as a client does and compares with the leaves.
func (s *setup) checkLogs(length uint64, leaves []protocol.LogLeaf, heads map[protocol.Hash]protocol.Hash) {
	s.t.Helper()
	query := registry.FetchLogsRequest{LogLength: length, Limit: 1000}
	for id := range heads {
		if id != protocol.OperatorLogID() {
			query.Packages = append(query.Packages, registry.PackageLogCursor{LogID: id})
		}
	}
	answer, err := s.FetchLogs(context.Background(), query)
	s.must(err)
	if answer.More {
		s.t.Fatal("more records than this test reads")
	}
	total := len(answer.Operator)
	for _, p := range answer.Packages {
		var log protocol.PackageLog
		for _, r := range p.Records {
			record, err := protocol.ParsePackageEnvelope(r.Envelope)
			s.must(err)
			if err := log.Validate(record); err != nil {
				s.t.Errorf("log %s, record %s: %v", p.LogID, r.RecordID, err)
			}
			if want := (protocol.LogLeaf{LogID: p.LogID, RecordID: r.RecordID}); leaves[r.RegistryIndex] != want {
				s.t.Errorf("leaf %d is not record %s", r.RegistryIndex, r.RecordID)
			}
		}
		if head, _, _ := log.Head(); head != heads[p.LogID] {
			s.t.Errorf("log %s: head %s, the leaves say %s", p.LogID, head, heads[p.LogID])
		}
		total += len(p.Records)
	}
	if total != len(leaves) {
		s.t.Errorf("%d records in logs, %d leaves", total, len(leaves))
	}
}

func logRoot(s *setup, leaves []protocol.LogLeaf) protocol.Hash {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		s.must(tree.Append(rfc6962.DefaultHasher.HashLeaf(leaf.Encode()), nil))
	}
	root, err := tree.GetRootHash(nil)
	s.must(err)
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

package publisher_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// noteOf returns the newest note of a log, verified; a zero one if there is none.
func noteOf(s *registrytest.Setup, log tlog.Log) tlog.TreeHead {
	s.T.Helper()
	note, err := s.LogNote(context.Background(), log)
	if none, ok := errors.AsType[*registry.NoNoteError](err); ok && !none.Cosigned {
		return tlog.TreeHead{}
	}
	s.Must(err)
	key := s.NoteKeys[0]
	if log == tlog.Checkpoints {
		key = s.NoteKeys[1]
	}
	v, err := tlog.NewVerifier(key.VKeys()[0])
	s.Must(err)
	head, err := tlog.Open(note, log.Origin(registrytest.Origin), v)
	s.Must(err)
	return head
}

// noted waits until both logs have notes of all that is published.
func noted(s *registrytest.Setup) {
	s.T.Helper()
	s.Eventually("both logs have notes of all", func() bool {
		signed, err := s.LatestCheckpoint(context.Background())
		s.Must(err)
		return allLogged(s) && noteOf(s, tlog.Records).Size == signed.Contents.LogLength && noteOf(s, tlog.Checkpoints).Size == logged(s).Size
	})
}

// files reads all files of a log at the size of its note, by path.
func files(s *registrytest.Setup, log tlog.Log) map[string][]byte {
	s.T.Helper()
	all := map[string][]byte{}
	for _, f := range tlog.FilesOf(0, noteOf(s, log).Size, tlog.Entries) {
		data, err := s.LogFile(context.Background(), log, f)
		s.Must(err)
		all[f.Path()] = data
	}
	return all
}

// checkFiles computes all tiles of a log from its bundles of entries, and compares them
// with those that are served, and their root with that of the note.
func checkFiles(s *registrytest.Setup, log tlog.Log) {
	s.T.Helper()
	head, served := noteOf(s, log), files(s, log)
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	want := map[string][]byte{}
	for n := uint64(0); n*tlog.TileWidth < head.Size; n++ {
		f := tlog.File{Kind: tlog.Entries, Index: n, Width: tlog.Width(0, n, head.Size)}
		entries, err := tlog.ParseEntries(served[f.Path()], f.Width)
		s.Must(err)
		want[f.Path()] = served[f.Path()]
		for _, entry := range entries {
			s.Must(tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), func(id compact.NodeID, hash []byte) {
				if id.Level%8 != 0 {
					return
				}
				level, tile := int(id.Level/8), id.Index/tlog.TileWidth
				path := tlog.File{Kind: tlog.Tile, Level: level, Index: tile, Width: tlog.Width(level, tile, head.Size)}.Path()
				want[path] = append(want[path], hash...)
			}))
		}
	}
	root, err := tree.GetRootHash(nil)
	s.Must(err)
	if protocol.Hash(root) != head.Root {
		s.T.Errorf("the entries of the %s log have the root %x, its note says %s", log, root, head.Root)
	}
	if len(served) != len(want) {
		s.T.Errorf("%d files of the %s log are served, want %d", len(served), log, len(want))
	}
	for path, data := range want {
		if !bytes.Equal(served[path], data) {
			s.T.Errorf("%s of the %s log: %d bytes, want %d others", path, log, len(served[path]), len(data))
		}
	}
}

// grown is a registry whose records log has more than a tile.
func grown(t *testing.T, records int) *registrytest.Setup {
	s := registrytest.New(t)
	s.Start()
	s.LoadAtOnce(10, records/10)
	noted(s)
	return s
}

// Tiles and notes of both logs are those of what is published, grow with it, and are
// made anew where they are lost or were never made.
func TestTilesAndNotes(t *testing.T) {
	s := grown(t, 700)
	for _, log := range tlog.Logs {
		checkFiles(s, log)
	}
	before := files(s, tlog.Records)
	s.Load("example:more", 3)
	noted(s)
	for _, log := range tlog.Logs {
		checkFiles(s, log)
	}
	for path := range before { // partial ones stay as they were
		f, err := tlog.ParsePath(path)
		s.Must(err)
		again, err := s.LogFile(context.Background(), tlog.Records, f)
		if err != nil || !bytes.Equal(again, before[path]) {
			t.Errorf("%s has changed: %v", path, err)
		}
	}
	s.Stop()
	all := files(s, tlog.Records)
	execute(s, `DELETE FROM log_tiles`, `UPDATE tiled SET size = 0, subtrees = x''`, `UPDATE notes SET size = 0, note = x''`)
	s.Renew()
	s.Start()
	noted(s)
	again := files(s, tlog.Records)
	for path := range all {
		if !bytes.Equal(all[path], again[path]) {
			t.Errorf("%s is made otherwise anew", path)
		}
	}
	checkFiles(s, tlog.Checkpoints)
}

// Bundles of envelopes have the envelope of each entry.
func TestEnvelopesOfTheLog(t *testing.T) {
	s := grown(t, 300)
	head := noteOf(s, tlog.Records)
	for n := uint64(0); n*tlog.TileWidth < head.Size; n++ {
		width := tlog.Width(0, n, head.Size)
		data, err := s.LogFile(context.Background(), tlog.Records, tlog.File{Kind: tlog.Entries, Index: n, Width: width})
		s.Must(err)
		entries, err := tlog.ParseEntries(data, width)
		s.Must(err)
		envelopes, err := s.Envelopes(context.Background(), n*tlog.TileWidth, width, 1<<20)
		s.Must(err)
		if len(envelopes) != width {
			t.Fatalf("%d envelopes, want %d", len(envelopes), width)
		}
		for i, entry := range entries {
			leaf, err := protocol.ParseLogLeaf(entry)
			s.Must(err)
			if _, err := tlog.CheckEnvelope(leaf, envelopes[i]); err != nil {
				t.Errorf("leaf %d: %v", n*tlog.TileWidth+uint64(i), err)
			}
		}
	}
}

// What the log does not have is not served.
func TestFilesBeyondTheLog(t *testing.T) {
	s := grown(t, 300)
	size := noteOf(s, tlog.Records).Size
	last := size / tlog.TileWidth
	for _, f := range []tlog.File{
		{Kind: tlog.Tile, Index: last, Width: 256}, {Kind: tlog.Tile, Index: last, Width: int(size%256) + 1}, {Kind: tlog.Tile, Index: last + 1, Width: 1},
		{Kind: tlog.Tile, Level: 1, Width: int(last) + 1}, {Kind: tlog.Tile, Level: 1, Index: 1, Width: 1}, {Kind: tlog.Tile, Level: 2, Width: 1}, {Kind: tlog.Tile, Level: 7, Width: 1},
		{Kind: tlog.Entries, Index: last, Width: 256}, {Kind: tlog.Entries, Index: 1<<55 + 1, Width: 1}, {Kind: tlog.Tile, Index: 1<<56 - 1, Width: 256},
	} {
		_, err := s.LogFile(context.Background(), tlog.Records, f)
		if _, ok := errors.AsType[*registry.LogFileNotFoundError](err); !ok {
			t.Errorf("%s: %v", f.Path(), err)
		}
	}
	for _, start := range []uint64{size, size - 2, 1 << 62} {
		_, err := s.Envelopes(context.Background(), start, 3, 1000)
		if _, ok := errors.AsType[*registry.LogFileNotFoundError](err); !ok {
			t.Errorf("3 envelopes from %d on: %v", start, err)
		}
	}
}

// No note is signed over leaves of the database that are not those that were
// published.
func TestDamagedLeaves(t *testing.T) {
	for name, statement := range map[string]string{
		"a record":                 `UPDATE records SET record_id = zeroblob(32) WHERE registry_index = 3`,
		"a record below a tile":    `UPDATE records SET record_id = zeroblob(32) WHERE registry_index = 300`,
		"a missing record":         `UPDATE records SET registry_index = NULL WHERE registry_index = 300`,
		"a checkpoint":             `UPDATE checkpoints SET map_root = zeroblob(32) WHERE log_length = (SELECT log_length FROM checkpoint_leaves WHERE leaf = 1)`,
		"a leaf of another length": `UPDATE checkpoint_leaves SET log_length = 1 WHERE leaf = 1`,
		"tiles beyond the log":     `UPDATE tiled SET size = 25600`,
		"tiles of another log":     `UPDATE tiled SET size = 256, subtrees = zeroblob(32)`,
		"a tile that did not grow": `INSERT INTO log_tiles (log, level, tile, hashes) VALUES (0, 1, 0, zeroblob(64)), (1, 1, 0, zeroblob(64))`,
	} {
		t.Run(name, func(t *testing.T) {
			s := grown(t, 600)
			s.Stop()
			records, checkpoints := noteOf(s, tlog.Records), noteOf(s, tlog.Checkpoints)
			execute(s, `DELETE FROM log_tiles`, `UPDATE tiled SET size = 0, subtrees = x''`, statement)
			s.Renew()
			s.Start()
			s.Eventually("signing has stopped", func() bool { return stopped(s) })
			if fault, _ := s.Troubles(); !strings.Contains(fault.Error(), "damaged") {
				t.Errorf("it says %v", fault)
			}
			s.Stop()
			if got := noteOf(s, tlog.Records); strings.Contains(name, "record") && got != records {
				t.Errorf("signed %+v", got)
			}
			if got := noteOf(s, tlog.Checkpoints); strings.Contains(name, "checkpoint") && got != checkpoints {
				t.Errorf("signed %+v", got)
			}
		})
	}
}

// A damaged tile is not served: caches would keep it for ever.
func TestDamagedTiles(t *testing.T) {
	for _, statement := range []string{
		`UPDATE log_tiles SET hashes = zeroblob(8192) WHERE log = 0 AND level = 0 AND tile = 0`,
		`UPDATE log_tiles SET hashes = zeroblob(64) WHERE log = 0 AND level = 1`,
		`DELETE FROM log_tiles WHERE log = 0 AND level = 1`,
	} {
		s := grown(t, 600)
		s.Stop()
		execute(s, statement)
		for n := range 2 {
			data, err := s.LogFile(context.Background(), tlog.Records, tlog.File{Kind: tlog.Tile, Index: uint64(n), Width: tlog.TileWidth})
			if bad := n == 0 || !strings.Contains(statement, "tile = 0"); bad != (err != nil && strings.Contains(err.Error(), "damaged")) {
				t.Errorf("%s: tile %d: %d bytes, %v", statement, n, len(data), err)
			}
		}
	}
}

// What keeps the notes from being made is told, and publishing goes on.
func TestNotesThatFail(t *testing.T) {
	s := grown(t, 10)
	s.Stop()
	execute(s, `DELETE FROM tiled WHERE log = 0`)
	s.Renew()
	s.Start()
	s.Load("example:more", 1)
	s.Eventually("it is told", func() bool {
		return strings.Contains(strings.Join(s.Publisher.Remarks(), "\n"), "notes of the records log fails")
	})
	execute(s, `INSERT INTO tiled (log, size, subtrees) VALUES (0, 0, x'')`)
	s.Eventually("all is well", func() bool { return len(s.Publisher.Remarks()) == 0 })
	noted(s)
}

func execute(s *registrytest.Setup, statements ...string) {
	s.T.Helper()
	raw, err := sql.Open("sqlite", filepath.Join(s.Dir, "registry.db"))
	s.Must(err)
	for _, statement := range statements {
		_, err := raw.Exec(statement)
		s.Must(err)
	}
	s.Must(raw.Close())
}

// Tiles of all levels grow as those above a log of 70,000 leaves.
func TestTilesOfAllLevels(t *testing.T) {
	s := registrytest.New(t)
	const size = 70_000 / tlog.TileWidth * tlog.TileWidth
	values := make([][]byte, size)
	want := map[string][]byte{}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for i := range values {
		values[i] = fmt.Append(nil, "leaf ", i)
		s.Must(tree.Append(rfc6962.DefaultHasher.HashLeaf(values[i]), func(id compact.NodeID, hash []byte) {
			if id.Level%8 == 0 {
				key := fmt.Sprint(id.Level/8, id.Index/tlog.TileWidth)
				want[key] = append(want[key], hash...)
			}
		}))
	}
	for start := 0; start < size; { // in steps of several sizes
		n := min(size-start, tlog.TileWidth*(1+start/tlog.TileWidth%7))
		s.Must(s.Options.Store.Update(context.Background(), func(tx *store.Tx) error {
			return publisher.StoreTiles(tx, tlog.Checkpoints, uint64(start), values[start:start+n])
		}))
		start += n
	}
	for level := range 4 {
		for n := range uint64(size/tlog.TileWidth + 1) {
			s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) error {
				got, err := tx.LogTile(tlog.Checkpoints, level, n)
				if key := fmt.Sprint(level, n); !bytes.Equal(got, want[key]) {
					t.Errorf("tile %s has %d bytes, want %d others", key, len(got), len(want[key]))
				}
				return err
			}))
		}
	}
}

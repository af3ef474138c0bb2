// Package tlogtest makes small logs for tests of what reads and witnesses them: signed
// checkpoints of any size, proofs, and the static files of C2SP tlog-tiles in a folder.
package tlogtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Log is a log in memory with a note key of its own. Not safe for concurrent use.
type Log struct {
	Entries [][]byte

	t    testing.TB
	key  *tlog.NoteKey
	tree *testonly.Tree
}

// New makes a log with an origin and so many entries. With withMLDSA its checkpoints
// have an ML-DSA-44 signature beside that of Ed25519.
func New(t testing.TB, origin string, entries int, withMLDSA bool) *Log {
	t.Helper()
	text, err := tlog.GenerateNoteKey(origin, withMLDSA)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{t: t, key: key, tree: testonly.New(rfc6962.DefaultHasher)}
	for i := range entries {
		l.Append(fmt.Appendf(nil, "entry %d of %s", i, origin))
	}
	return l
}

// Fork returns a log with the same key that has the first entries in common, so many of
// them, and others behind: as many as l has.
func (l *Log) Fork(common int) *Log {
	fork := &Log{t: l.t, key: l.key, tree: testonly.New(rfc6962.DefaultHasher)}
	fork.Append(l.Entries[:common]...)
	for i := common; i < len(l.Entries); i++ {
		fork.Append(fmt.Appendf(nil, "another entry %d", i))
	}
	return fork
}

// Append appends entries.
func (l *Log) Append(entries ...[]byte) {
	l.Entries = append(l.Entries, entries...)
	l.tree.AppendData(entries...)
}

// Origin is the origin of the log.
func (l *Log) Origin() string { return l.key.Name() }

// VKey is the log's public Ed25519 key in text.
func (l *Log) VKey() string { return l.key.VKeys()[0] }

// Size is the number of entries.
func (l *Log) Size() uint64 { return uint64(len(l.Entries)) }

// Head is the tree head of a size up to the log's.
func (l *Log) Head(size uint64) tlog.TreeHead {
	return tlog.TreeHead{Origin: l.Origin(), Size: size, Root: protocol.Hash(l.tree.HashAt(size))}
}

// Note is the signed checkpoint of a size up to the log's.
func (l *Log) Note(size uint64) []byte {
	l.t.Helper()
	return l.Sign(l.Head(size))
}

// Sign signs whatever head it is given.
func (l *Log) Sign(head tlog.TreeHead) []byte {
	l.t.Helper()
	signed, err := l.key.Sign(head)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// Consistency proves that the log of a size contains that of an earlier one; nil if
// either is empty, as witnesses want it.
func (l *Log) Consistency(before, size uint64) []protocol.Hash {
	l.t.Helper()
	return l.hashes(l.tree.ConsistencyProof(before, size))
}

// Inclusion proves that the log of a size has an entry at an index.
func (l *Log) Inclusion(index, size uint64) []protocol.Hash {
	l.t.Helper()
	return l.hashes(l.tree.InclusionProof(index, size))
}

func (l *Log) hashes(path [][]byte, err error) (hashes []protocol.Hash) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, hash := range path {
		hashes = append(hashes, protocol.Hash(hash))
	}
	return hashes
}

// Write writes the checkpoint of the whole log, and the tiles and bundles of entries,
// into a folder; a file server over it serves the log.
func (l *Log) Write(dir string) {
	l.t.Helper()
	size := l.Size()
	l.write(dir, tlog.CheckpointPath, l.Note(size))
	for _, file := range tlog.FilesOf(0, size, tlog.Entries) {
		var content []byte
		first := file.Index * tlog.TileWidth
		if file.Kind == tlog.Entries {
			var err error
			if content, err = tlog.EncodeEntries(l.Entries[first : first+uint64(file.Width)]); err != nil {
				l.t.Fatal(err)
			}
		} else {
			for i := first; i < first+uint64(file.Width); i++ {
				content = append(content, l.node(file.Level, i)...)
			}
		}
		l.write(dir, file.Path(), content)
	}
}

// node is the hash that stands at an index of the tiles of a level: of the tree over
// 256^level entries.
func (l *Log) node(level int, index uint64) []byte {
	width := uint64(1) << (8 * level)
	part := testonly.New(rfc6962.DefaultHasher)
	part.AppendData(l.Entries[index*width : (index+1)*width]...)
	return part.Hash()
}

func (l *Log) write(dir, path string, content []byte) {
	l.t.Helper()
	path = filepath.Join(dir, filepath.FromSlash(path))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

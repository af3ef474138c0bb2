package mirror

import (
	"context"
	"fmt"

	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Prove makes the proof of a release from the static files of a registry, or of an
// export, at its newest tree head. It reads the whole records log: a registry that
// makes the proof itself is asked first by those who can. The error is a
// [*NotReleasedError] if no record releases the version; others are those of
// [RecordsReader.Read].
func Prove(ctx context.Context, source audit.Source, vkeys []string, name protocol.PackageName, version string) (tlog.Proof, error) {
	keys, err := KeysOf(tlog.Records, vkeys)
	if err != nil {
		return tlog.Proof{}, err
	}
	log := &remote{source: source, log: tlog.Records}
	note, err := log.readHead(ctx, keys)
	if err != nil {
		return tlog.Proof{}, err
	}
	t, err := log.openTree(ctx, log, tlog.TreeHead{Root: protocol.HashOf()}, "")
	if err != nil {
		return tlog.Proof{}, err
	}
	envelopes, index, err := log.findRelease(ctx, t, name, version)
	if err != nil {
		return tlog.Proof{}, err
	}
	inclusion, err := t.inclusion(ctx, index)
	if err != nil {
		return tlog.Proof{}, err
	}
	return recordproof.Make(name, envelopes, index, inclusion, note)
}

// NotReleasedError says that no record of a package releases a version.
type NotReleasedError struct {
	Name    protocol.PackageName
	Version string
	Records int // of the package
}

func (e *NotReleasedError) Error() string {
	return fmt.Sprintf("no record releases %s %s: the log has %d records of the package", e.Name, e.Version, e.Records)
}

// findRelease returns the envelopes of a package's records up to the first that
// releases a version, and the index of that one.
func (r *remote) findRelease(ctx context.Context, t *tree, name protocol.PackageName, version string) (envelopes [][]byte, index uint64, err error) {
	found := false
	for n := uint64(0); n*tlog.TileWidth < r.head.Size && !found; n++ {
		err := r.visit(ctx, t, n, 0, func(record Record) error {
			if found || record.Name != name.String() {
				return nil
			}
			envelopes, index = append(envelopes, record.Envelope.MarshalProto()), record.Index
			found = releases(record.Envelope, version)
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if !found {
		return nil, 0, &NotReleasedError{name, version, len(envelopes)}
	}
	return envelopes, index, nil
}

func releases(envelope protocol.Envelope, version string) bool {
	record, err := protocol.DecodePackageRecord(envelope.Content)
	if err != nil {
		return false
	}
	for _, entry := range record.Entries {
		if entry.Type == protocol.EntryRelease && entry.Version == version {
			return true
		}
	}
	return false
}

// inclusion is the inclusion proof of a leaf.
func (t *tree) inclusion(ctx context.Context, index uint64) ([]protocol.Hash, error) {
	nodes, err := merkle.Inclusion(index, t.head.Size)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		hash, err := t.node(ctx, int(id.Level), id.Index)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash[:]
	}
	path, err := nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, err
	}
	proof := make([]protocol.Hash, len(path))
	for i, hash := range path {
		proof[i] = protocol.Hash(hash)
	}
	return proof, nil
}

// node is the root of the perfect subtree of 2^level leaves at a place.
func (t *tree) node(ctx context.Context, level int, index uint64) (protocol.Hash, error) {
	width := uint64(1) << (level % 8) // hashes of the tile that it is made of
	first := index * width
	hashes, err := t.tile(ctx, level/8, first/tlog.TileWidth)
	if err != nil {
		return protocol.Hash{}, err
	}
	at := first % tlog.TileWidth
	return perfectRoots(hashes[at : at+width])[0], nil
}

package mirror

import (
	"bytes"
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// obtain returns an immutable file that check accepts: from the folder, where it should
// be or an export that was ended may have left it, or else from the registry, and then it
// is written.
func (l *logExport) obtain(ctx context.Context, f tlog.File, limit int64, check func([]byte) error) ([]byte, error) {
	if data, err := l.out.read(l.path(f.Path()), limit); err == nil && check(data) == nil {
		return data, nil
	}
	data, err := l.fetchChecked(ctx, f, limit, check)
	if err != nil {
		return nil, err
	}
	if l.had(f) {
		l.repaired.Add(1)
	}
	return data, l.write(f.Path(), data)
}

// write writes a file of the log into the folder.
func (l *logExport) write(name string, data []byte) error {
	if l.holding {
		l.held = append(l.held, heldFile{name, data})
		return nil
	}
	if err := l.out.write(l.path(name), data); err != nil {
		return err
	}
	l.files.Add(1)
	l.bytes.Add(int64(len(data)))
	return nil
}

// full implements [tileSource].
func (l *logExport) full(ctx context.Context, f tlog.File, check func([]byte) error) ([]byte, error) {
	return l.obtain(ctx, f, tileBytes(f), func(tile []byte) error {
		if err := checkLength(tile, f); err != nil {
			return err
		}
		return check(tile)
	})
}

// writeEdge writes the partial tiles, which were verified together.
func (l *logExport) writeEdge(t *tree) error {
	for level, hashes := range t.edge {
		f, ok := edgeTile(level, l.head.Size)
		if !ok {
			continue
		}
		var tile bytes.Buffer
		for _, h := range hashes {
			tile.Write(h[:])
		}
		if err := l.replace(f, tile.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries demands that the entries of a bundle have the hashes of a tile.
func checkEntries(bundle []byte, hashes []protocol.Hash) error {
	entries, err := tlog.ParseEntries(bundle, len(hashes))
	if err != nil {
		return err
	}
	for i, entry := range entries {
		if got := protocol.Hash(rfc6962.DefaultHasher.HashLeaf(entry)); got != hashes[i] {
			return fmt.Errorf("entry %d of the bundle has the hash %s, the tile has %s", i, got, hashes[i])
		}
	}
	return nil
}

// checkEnvelopes demands that names and envelopes are those of the entries.
func checkEnvelopes(envelopes, bundle []byte, width int) error {
	entries, err := tlog.ParseEntries(bundle, width)
	if err != nil {
		return err
	}
	named, err := tlog.ParseEnvelopes(envelopes, width)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		leaf, err := protocol.ParseLogLeaf(entry)
		if err == nil {
			_, err = tlog.CheckEnvelope(leaf, named[i])
		}
		if err != nil {
			return fmt.Errorf("entry %d of the bundle: %w", i, err)
		}
	}
	return nil
}

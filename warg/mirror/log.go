package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Bounds in bytes on a bundle of 256. Entries of both logs have some 200 bytes; an
// envelope of this project's registry has 256 KiB at most.
const (
	maxEntries   = tlog.TileWidth << 10
	maxEnvelopes = 128 << 20
)

// logExport is the export of one log. It gives its tiles, see [tileSource].
type logExport struct {
	*exporter
	remote
	keys   noteKeys
	note   []byte        // signed tree head of the registry
	before tlog.TreeHead // that the folder has

	holding bool // write holds files back; while nothing runs in parallel
	held    []heldFile

	files    atomic.Int64
	bytes    atomic.Int64
	repaired atomic.Int64
	progress sync.Mutex // held while progress is told
	done     uint64     // leaves; under progress
}

// heldFile is a file that is to be written.
type heldFile struct {
	name string
	data []byte
}

// beginLog reads the tree heads of the registry and of the folder.
func (e *exporter) beginLog(ctx context.Context, log tlog.Log) (*logExport, error) {
	l := &logExport{exporter: e, remote: remote{source: e.options.Source, log: log}}
	path := l.path(tlog.CheckpointPath)
	keys, err := e.keysOf(ctx, log)
	if err != nil {
		return nil, err
	}
	l.keys = keys
	if l.note, err = l.readHead(ctx, keys.verifiers); err != nil {
		return nil, err
	}
	known, err := e.out.read(path, tlog.MaxNote)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.before = tlog.TreeHead{Origin: l.head.Origin, Root: protocol.HashOf()}
		return l, nil
	case err != nil:
		return nil, err
	}
	if l.before, err = openNote(known, log, keys.verifiers); err != nil {
		return nil, fmt.Errorf("the folder has the log of another registry, or one that was verified with other keys, or the file is damaged (then remove it: all files are verified anew): %s: %w", path, err)
	}
	return l, nil
}

func (l *logExport) report() LogReport {
	return LogReport{Log: l.log, Head: l.head, Before: l.before.Size, Keys: l.keys.source, Files: int(l.files.Load()), Bytes: l.bytes.Load(), Repaired: int(l.repaired.Load())}
}

// run brings the log in the folder up to the registry's tree head, and has it on disk
// before the tree head is.
func (l *logExport) run(ctx context.Context) error {
	if err := l.checkContinues(l.before, "the folder"); err != nil {
		return err
	}
	lacking := l.lacking()
	if l.head.Size > l.before.Size || len(lacking) > 0 || l.options.Verify {
		if err := l.copyFiles(ctx, lacking); err != nil {
			return err
		}
	}
	if l.keys.text != nil && l.keys.source != Remembered {
		if err := l.write(VKeysPath, l.keys.text); err != nil {
			return err
		}
	}
	if err := l.out.sync(); err != nil {
		return err
	}
	// The note of an equal tree head may have more cosignatures by now.
	if err := l.write(tlog.CheckpointPath, l.note); err != nil {
		return err
	}
	return l.out.sync()
}

// copyFiles copies all files that the folder lacks: new ones, and those listed.
func (l *logExport) copyFiles(ctx context.Context, lacking []tlog.File) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(l.options.Parallel)
	// Tiles of a log that turns out to be forked are true to its tree head, but are not
	// for this folder.
	l.holding = true
	t, err := l.openTree(ctx, l, l.before, "the folder")
	if err != nil {
		return err
	}
	l.holding = false
	for _, h := range l.held {
		if err := l.write(h.name, h.data); err != nil {
			return err
		}
	}
	if err := l.writeEdge(t); err != nil {
		return err
	}
	if !l.options.Verify {
		l.tell(l.before.Size)
	}
	err = l.copyBundles(ctx, t, group, lacking)
	if failed := group.Wait(); failed != nil {
		return failed // which has ended what is in err
	}
	return err
}

// copyBundles copies the tiles of level 0 and the bundles, in parallel: those that are new,
// those of lacking files, or to verify the folder all. The tiles above are copied on the way.
func (l *logExport) copyBundles(ctx context.Context, t *tree, group *errgroup.Group, lacking []tlog.File) error {
	again := map[uint64]bool{} // bundles
	for _, f := range lacking {
		if f.Level == 0 {
			again[f.Index] = true
		} else if _, err := t.tile(ctx, f.Level, f.Index); err != nil {
			return err
		}
	}
	for n := uint64(0); n*tlog.TileWidth < l.head.Size; n++ {
		if n < l.before.Size/tlog.TileWidth && !again[n] && !l.options.Verify {
			continue
		}
		f := tlog.File{Kind: tlog.Tile, Index: n, Width: tlog.Width(0, n, l.head.Size)}
		if f.Width < tlog.TileWidth {
			hashes := t.edge[0]
			group.Go(func() error { return l.copyBundle(ctx, f, hashes) })
			continue
		}
		want, err := t.rootOf(ctx, 0, n)
		if err != nil {
			return err
		}
		group.Go(func() error {
			tile, err := l.full(ctx, f, func(tile []byte) error { return checkTile(tile, want) })
			if err != nil {
				return err
			}
			return l.copyBundle(ctx, f, splitHashes(tile))
		})
	}
	return nil
}

// copyBundle copies the entries, and of the records log the envelopes, below a tile of
// level 0 with these hashes.
func (l *logExport) copyBundle(ctx context.Context, tile tlog.File, hashes []protocol.Hash) error {
	f := tlog.File{Kind: tlog.Entries, Index: tile.Index, Width: tile.Width}
	bundle, err := l.obtain(ctx, f, maxEntries, func(bundle []byte) error { return checkEntries(bundle, hashes) })
	if err != nil {
		return err
	}
	if l.log == tlog.Records {
		f.Kind = tlog.Envelopes
		if _, err := l.obtain(ctx, f, maxEnvelopes, func(envelopes []byte) error { return checkEnvelopes(envelopes, bundle, f.Width) }); err != nil {
			return err
		}
	}
	l.tell(uint64(f.Width))
	return nil
}

// tell adds to the leaves that are done.
func (l *logExport) tell(leaves uint64) {
	l.progress.Lock()
	defer l.progress.Unlock()
	l.done = min(l.done+leaves, l.head.Size)
	l.options.Progress(Progress{Log: l.log, Done: l.done, Size: l.head.Size})
}

// needs tells whether a partial file is one of the folder's tree head.
func (l *logExport) needs(path string) bool {
	for level := range levels {
		f, ok := edgeTile(level, l.head.Size)
		if !ok {
			continue
		}
		names := []string{f.Path()}
		if level == 0 {
			for _, kind := range []tlog.Kind{tlog.Entries, tlog.Envelopes} {
				names = append(names, tlog.File{Kind: kind, Index: f.Index, Width: f.Width}.Path())
			}
		}
		if slices.ContainsFunc(names, func(name string) bool { return path == l.path(name) }) {
			return true
		}
	}
	return false
}

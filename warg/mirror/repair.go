package mirror

import (
	"bytes"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// lacking lists files of the folder's tree head that are not there, or that have a size
// that can not be right. What is in them is looked at by [Options.Verify] alone.
func (l *logExport) lacking() (files []tlog.File) {
	for level := range levels {
		for n := uint64(0); ; n++ {
			width := tlog.Width(level, n, l.before.Size)
			if width == 0 || width < tlog.TileWidth && l.head.Size > l.before.Size { // partial files are replaced
				break
			}
			f := tlog.File{Kind: tlog.Tile, Level: level, Index: n, Width: width}
			kinds := []tlog.Kind{tlog.Tile}
			if level == 0 {
				kinds = append(kinds, tlog.Entries)
				if l.log == tlog.Records {
					kinds = append(kinds, tlog.Envelopes)
				}
			}
			for _, f.Kind = range kinds {
				if !l.looksWell(f) {
					files = append(files, f)
				}
			}
		}
	}
	return files
}

// looksWell tells whether a file is there, with a size that it may have.
func (l *logExport) looksWell(f tlog.File) bool {
	size, ok := l.out.size(l.path(f.Path()))
	switch {
	case !ok:
		return false
	case f.Kind == tlog.Tile:
		return size == tileBytes(f)
	}
	return size >= 2*int64(f.Width) // each entry has its length before it
}

// size is the size of a regular file in bytes; false if there is none.
func (o *output) size(name string) (int64, bool) {
	info, err := o.root.Stat(filepath.FromSlash(name))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// had tells whether a file is one of the folder's tree head: if it has to be fetched, it
// was damaged.
func (l *logExport) had(f tlog.File) bool {
	return tlog.Width(f.Level, f.Index, l.before.Size) == f.Width
}

// replace writes a file unless it is in the folder as it must be.
func (l *logExport) replace(f tlog.File, data []byte) error {
	if there, err := l.out.read(l.path(f.Path()), int64(len(data))); err == nil && bytes.Equal(there, data) {
		return nil
	}
	if l.had(f) {
		l.repaired.Add(1)
	}
	return l.write(f.Path(), data)
}

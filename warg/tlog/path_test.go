package tlog

import (
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api/layout"
)

func TestPaths(t *testing.T) {
	for path, want := range map[string]File{
		"tile/0/000":                        {Tile, 0, 0, 256},
		"tile/0/x001/x234/067":              {Tile, 0, 1234067, 256},
		"tile/7/000.p/1":                    {Tile, 7, 0, 1},
		"tile/1/x001/000.p/255":             {Tile, 1, 1000, 255},
		"tile/entries/x999/999":             {Entries, 0, 999999, 256},
		"tile/entries/000.p/8":              {Entries, 0, 0, 8},
		"tile/envelopes/x001/234.p/77":      {Envelopes, 0, 1234, 77},
		"tile/envelopes/x012/x345/x678/901": {Envelopes, 0, 12345678901, 256},
	} {
		got, err := ParsePath(path)
		if err != nil || got != want || want.Path() != path {
			t.Errorf("%s: %+v, %v; written %s", path, got, err, want.Path())
		}
	}
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/8/000", "tile/00/000", "tile/-1/000", "tile/+1/000", "tile/64/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/x1/000", "tile/0/1000", "tile/0/001/x000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/1/2",
		"tile/0/.p/1", "tile/0/.p", "tile/0/000.p/1.p/1", "tile/0/../000", "tile/0//000", "tile/entries/0/000", "/tile/0/000", "tile/data/000",
		"tile/0/x18446744073709551616/000", "tile/0/" + strings.Repeat("x001/", 30) + "000", "tile/0/0 0", "tile/0/-01", "tile/0/+01",
	} {
		if f, err := ParsePath(path); err == nil {
			t.Errorf("%q is taken for %+v", path, f)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, path := range []string{"tile/0/000", "tile/entries/x001/000.p/3", "tile/0/.p/1", "tile/7/x.p/1"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		file, err := ParsePath(path)
		if err == nil && (file.Path() != path || file.Width < 1 || file.Width > TileWidth) {
			t.Errorf("%q is taken for %+v, which is %q", path, file, file.Path())
		}
	})
}

// The files of a log are those whose widths tessera's layout gives, and a log that
// grew adds those that its earlier files lack.
func TestFilesOf(t *testing.T) {
	for _, size := range []uint64{0, 1, 255, 256, 257, 65535, 65536, 65537, 70000, 131072} {
		seen := map[string]bool{}
		for _, f := range FilesOf(0, size, Entries) {
			if seen[f.Path()] {
				t.Errorf("size %d: %s twice", size, f.Path())
			}
			seen[f.Path()] = true
			if want := int(layout.PartialTileSize(uint64(f.Level), f.Index, size)); f.Width%256 != want || f.Width != Width(f.Level, f.Index, size) {
				t.Errorf("size %d: %s has width %d, want %d", size, f.Path(), f.Width, want)
			}
		}
		level0 := int((size + 255) / 256)
		want := 2*level0 + int((size/256+255)/256) + int((size/65536+255)/256)
		if len(seen) != want {
			t.Errorf("size %d: %d files, want %d", size, len(seen), want)
		}
		for _, before := range []uint64{0, 1, 255, 256, 65536, 65537} {
			if before > size {
				continue
			}
			fresh := map[string]bool{}
			for _, f := range FilesOf(before, size, Entries) {
				fresh[f.Path()] = true
			}
			for _, f := range FilesOf(0, size, Entries) {
				had := Width(f.Level, f.Index, before) == TileWidth
				if had == fresh[f.Path()] {
					t.Errorf("from %d to %d: %s, full before: %v, listed: %v", before, size, f.Path(), had, fresh[f.Path()])
				}
			}
		}
	}
}

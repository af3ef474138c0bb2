package tlogtest

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Head is the tree head of a log when it had a size.
func (r *Registry) Head(log tlog.Log, size int) tlog.TreeHead {
	return tlog.TreeHead{Origin: log.Origin(Origin), Size: uint64(size), Root: Root(r.hashes[log][:size])}
}

// Note is the signed tree head of a log when it had a size.
func (r *Registry) Note(log tlog.Log, size int) []byte {
	note, err := r.Keys[log].Sign(r.Head(log, size))
	if err != nil {
		r.t.Fatal(err)
	}
	return note
}

// Files are what the registry serves of both logs as they stand, by path below its URL.
func (r *Registry) Files() map[string][]byte {
	files := map[string][]byte{}
	for _, log := range tlog.Logs {
		r.FilesAt(files, log, len(r.entries[log]))
	}
	return files
}

// FilesAt adds the files of a log when it had a size.
func (r *Registry) FilesAt(files map[string][]byte, log tlog.Log, size int) {
	files[log.Path()+"/"+tlog.CheckpointPath] = r.Note(log, size)
	bundles := []tlog.Kind{tlog.Entries}
	if log == tlog.Records {
		bundles = append(bundles, tlog.Envelopes)
	}
	for _, f := range tlog.FilesOf(0, uint64(size), bundles...) {
		files[log.Path()+"/"+f.Path()] = r.file(log, f)
	}
}

func (r *Registry) file(log tlog.Log, f tlog.File) []byte {
	begin := int(f.Index) * tlog.TileWidth
	switch f.Kind {
	case tlog.Entries:
		bundle, err := tlog.EncodeEntries(r.entries[log][begin : begin+f.Width])
		if err != nil {
			r.t.Fatal(err)
		}
		return bundle
	case tlog.Envelopes:
		return tlog.EncodeEnvelopes(r.envelopes[begin : begin+f.Width])
	}
	var tile []byte
	for i := begin; i < begin+f.Width; i++ {
		hash := subtree(r.hashes[log], f.Level, i)
		tile = append(tile, hash[:]...)
	}
	return tile
}

// subtree is the root of the perfect subtree of 256^level leaves at a place.
func subtree(leaves []protocol.Hash, level, index int) protocol.Hash {
	width := 1 << (8 * level)
	return Root(leaves[index*width : (index+1)*width])
}

// Serve serves files by their paths.
func Serve(files map[string][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path[1:]]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(content)
	})
}

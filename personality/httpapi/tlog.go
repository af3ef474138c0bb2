package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Both logs as static files: C2SP tlog-tiles. What the files hold package warg/tlog
// says.

const (
	noteType = "text/plain; charset=utf-8"
	fileType = "application/octet-stream"

	// noteCaching lets caches keep a note for a moment: it is replaced about once a
	// second.
	noteCaching = "max-age=2"
	// fileCaching lets them keep all else for ever.
	fileCaching = "max-age=31536000, immutable"
)

// envelopePage is about how many bytes of envelopes are in memory at a time.
const envelopePage = 256 << 10

func pathLog(r *http.Request) (tlog.Log, error) {
	log := tlog.Log(r.PathValue("log"))
	if !slices.Contains(tlog.Logs[:], log) {
		return "", &registry.LogFileNotFoundError{Log: string(log), Path: tlog.CheckpointPath}
	}
	return log, nil
}

// logNote serves the newest note of a log.
func (h *handler) logNote(r *http.Request, _ []byte) (reply, error) {
	log, err := pathLog(r)
	if err != nil {
		return reply{}, err
	}
	note, err := h.registry.LogNote(r.Context(), log)
	if err != nil {
		return reply{}, err
	}
	return tagged(r, h.staticReply(noteType, noteCaching, note)), nil
}

// logKeys serves the public keys of a log, a line each: for who meets the registry for the
// first time. Nobody vouches for them here.
func (h *handler) logKeys(r *http.Request, _ []byte) (reply, error) {
	log, err := pathLog(r)
	if err != nil {
		return reply{}, err
	}
	if of, ok := h.registry.(NoteKeys); ok {
		text, err := of.NoteKeys(r.Context(), log)
		return h.staticReply(noteType, "max-age=60", text), err
	}
	var text []byte
	for _, vkey := range h.VKeys[log] {
		text = append(append(text, vkey...), '\n')
	}
	return h.staticReply(noteType, "max-age=3600", text), nil
}

// NoteKeys is a registry whose notes others sign, such as a mirror: the keys may come later.
type NoteKeys interface {
	// NoteKeys returns the public keys of a log's notes, a line each. A
	// [*registry.NoNoteError] if there are none.
	NoteKeys(ctx context.Context, log tlog.Log) ([]byte, error)
}

func (h *handler) staticReply(contentType, caching string, body []byte) reply {
	if body == nil {
		body = []byte{}
	}
	return reply{status: http.StatusOK, contentType: contentType, caching: h.cacheScope() + ", " + caching, body: body}
}

// logFile serves a tile or a bundle.
func (h *handler) logFile(w http.ResponseWriter, r *http.Request) error {
	log, err := pathLog(r)
	if err != nil {
		return err
	}
	path := "tile/" + r.PathValue("file")
	file, err := tlog.ParsePath(path)
	if err != nil || r.URL.RawPath != "" /* another spelling, which a cache would keep beside it */ || file.Kind == tlog.Envelopes && log != tlog.Records || file.Kind == tlog.Signed && log != tlog.Checkpoints {
		return &registry.LogFileNotFoundError{Log: string(log), Path: path}
	}
	switch file.Kind {
	case tlog.Envelopes:
		return h.envelopes(w, r, file)
	case tlog.Signed:
		return h.asked(h.Limits.Reading, func(r *http.Request, _ []byte) (reply, error) { return h.signedCheckpoints(r, file) })(w, r)
	}
	return h.asked(h.Limits.Reading, func(r *http.Request, _ []byte) (reply, error) {
		body, err := h.registry.LogFile(r.Context(), log, file)
		return h.staticReply(fileType, fileCaching, body), err
	})(w, r)
}

// envelopes serves a bundle of envelopes. It may have 64 MiB, so it is read and sent a
// page at a time.
func (h *handler) envelopes(w http.ResponseWriter, r *http.Request, file tlog.File) error {
	answer := h.Limits.Memory.Hold(limits.ClientOf(r.Context()))
	defer answer.Release()
	buffer := h.buffer()
	defer h.keep(buffer)
	start := file.Index * tlog.TileWidth
	for sent := 0; sent < file.Width; {
		count := 0
		reply, err := h.inTurn(r, h.Limits.Reading, func(r *http.Request, _ []byte) (reply, error) {
			page, err := h.registry.Envelopes(r.Context(), start+uint64(sent), file.Width-sent, envelopePage)
			count = len(page)
			return h.staticReply(fileType, fileCaching, tlog.EncodeEnvelopes(page)), err
		}, nil, answer, buffer)
		switch {
		case err != nil && sent > 0:
			panic(http.ErrAbortHandler) // too late to answer: cut the connection
		case err != nil:
			return err
		case sent == 0 && count == file.Width:
			w.Header().Set("Cache-Control", reply.caching)
			return send(w, answer, reply.status, reply.contentType, reply.body)
		case sent == 0:
			w.Header().Set("Cache-Control", reply.caching)
			w.Header().Set("Content-Type", reply.contentType)
			w.WriteHeader(reply.status)
		}
		if !sendBody(w, answer, reply.body) {
			return nil // the client is gone
		}
		answer.Release()
		sent += count
	}
	return nil
}

// SignedCheckpoints is a registry that has its checkpoints as they were signed. One that
// answers for another registry may not have them.
type SignedCheckpoints interface {
	// SignedCheckpoints returns count checkpoints of the checkpoints log from one on; final
	// says that they do not change any more.
	SignedCheckpoints(ctx context.Context, start uint64, count int) (signed []protocol.SignedCheckpoint, final bool, err error)
}

// signedCheckpoints serves a bundle of signed checkpoints. Other than the rest of the static
// files, the last of them may change: an idle registry signs its newest checkpoint again.
func (h *handler) signedCheckpoints(r *http.Request, file tlog.File) (reply, error) {
	of, ok := h.registry.(SignedCheckpoints)
	if !ok {
		return reply{}, &registry.LogFileNotFoundError{Log: string(tlog.Checkpoints), Path: file.Path()}
	}
	signed, final, err := of.SignedCheckpoints(r.Context(), file.Index*tlog.TileWidth, file.Width)
	if err != nil {
		return reply{}, err
	}
	texts := make([][]byte, len(signed))
	for i, c := range signed {
		if texts[i], err = c.MarshalJSON(); err != nil {
			return reply{}, err
		}
	}
	body, err := tlog.EncodeEntries(texts)
	caching := noteCaching
	if final {
		caching = fileCaching
	}
	return h.staticReply(fileType, caching, body), err
}

// recordProof serves a proof of a release that travels with its file.
func (h *handler) recordProof(r *http.Request, _ []byte) (reply, error) {
	name, err := protocol.ParsePackageName(r.PathValue("namespace") + ":" + r.PathValue("name"))
	if err != nil {
		return reply{}, badRequest("Invalid URL: %v", err)
	}
	version := r.PathValue("version")
	if err := protocol.CheckVersion(version); err != nil {
		return reply{}, badRequest("Invalid URL: %v", err)
	}
	proof, err := h.registry.RecordProof(r.Context(), name, version)
	if err != nil {
		return reply{}, err
	}
	return h.staticReply(noteType, noteCaching, proof), nil
}

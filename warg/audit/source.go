package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Source is where a registry is read: its static files (package tlog) and, if there is
// one, its v1 API (package api). It is used by several goroutines at a time.
type Source interface {
	// Open makes a request and returns the HTTP status and the body of the answer,
	// which the caller closes. The path is relative to the registry's URL, such as
	// "tlog/records/checkpoint" or "v1/fetch/logs", or an absolute URL that the
	// registry gave for content. An error says that there was no answer: it says
	// nothing about the registry. Statuses that ask to come again later (429, 5xx) are
	// waited for within reason and come back as [ErrNoAnswer] after that.
	Open(ctx context.Context, r Request) (status int, body io.ReadCloser, err error)
	// String names the place for people: a URL or a folder.
	String() string
}

// Request is what is asked of a [Source].
type Request struct {
	Method string // GET or POST
	Path   string
	Body   []byte // JSON, of a POST
	// Fresh asks caches on the way not to answer.
	Fresh bool
}

// ErrNoAnswer says that a source did not answer what was asked.
var ErrNoAnswer = errors.New("no answer")

// Bounds of answers in bytes.
const (
	maxTile      = tlog.TileWidth * 32
	maxEntries   = tlog.TileWidth * (2 + 1024) // entries of both logs have some 170 bytes
	maxEnvelopes = 128 << 20                   // registries accept 256 KiB an envelope at most: 64 MiB
	maxJSON      = 32 << 20                    // a page of records has some 10 MiB at most
)

// exchange is one question with its answer, as evidence keeps it.
type exchange struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Asked  []byte `json:"asked,omitempty"`
	Status int    `json:"status"`
	Answer []byte `json:"answer,omitempty"`
}

func (e exchange) String() string { return fmt.Sprintf("%s %s", e.Method, e.Path) }

// has tells that the answer is what was asked for.
func (e exchange) has() bool { return e.Status/100 == 2 }

// denies tells that the answer says that there is no such thing.
func (e exchange) denies() bool {
	return e.Status == http.StatusNotFound || e.Status == http.StatusGone
}

// ask makes a request and reads its answer, of at most limit bytes; of refusals at most
// 64 KiB.
func ask(ctx context.Context, s Source, r Request, limit int64) (exchange, error) {
	e, err := askUpTo(ctx, s, r, limit)
	if err == nil && int64(len(e.Answer)) > limit {
		err = fmt.Errorf("%s: %s: %w: it is longer than %d bytes", s, e, ErrNoAnswer, limit)
	}
	return e, err
}

// askUpTo is ask, but cuts an answer that is too long off behind its limit and one byte.
func askUpTo(ctx context.Context, s Source, r Request, limit int64) (exchange, error) {
	e := exchange{Method: r.Method, Path: r.Path, Asked: r.Body}
	status, body, err := s.Open(ctx, r)
	if err != nil {
		return e, fmt.Errorf("%s: %w", s, err)
	}
	defer body.Close()
	e.Status = status
	if !e.has() {
		limit = 64 << 10
	}
	e.Answer, err = io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return e, ctx.Err()
	case err != nil:
		return e, fmt.Errorf("%s: %s: %w: %w", s, e, ErrNoAnswer, err)
	case !e.has():
		e.Answer = e.Answer[:min(int64(len(e.Answer)), limit)]
	}
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return e, fmt.Errorf("%s: %s: %w: status %d; a private registry wants a token", s, e, ErrNoAnswer, e.Status)
	}
	if !e.has() && !e.denies() && e.Status/100 != 4 && e.Status != http.StatusNotImplemented {
		return e, fmt.Errorf("%s: %s: %w: status %d", s, e, ErrNoAnswer, e.Status)
	}
	return e, nil
}

// unsupported tells that the answer says that this is not offered at all.
func (e exchange) unsupported() bool {
	return e.Status == http.StatusNotImplemented || e.Status == http.StatusMethodNotAllowed
}

// getFile reads a static file. One that is too long is cut off, which is no file then.
func getFile(ctx context.Context, s Source, path string, limit int64) (exchange, error) {
	return askUpTo(ctx, s, Request{Method: http.MethodGet, Path: path}, limit)
}

func get(ctx context.Context, s Source, path string, limit int64) (exchange, error) {
	return ask(ctx, s, Request{Method: http.MethodGet, Path: path}, limit)
}

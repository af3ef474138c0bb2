package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/limits"
)

// requestIDHeader carries the id of a request, both ways. Proxies that make ids
// use this name.
const requestIDHeader = "X-Request-Id"

// maxRequestID is the length of the longest id that is taken over from a client.
const maxRequestID = 64

type requestIDKey struct{}

// identify gives a request an id, that of its header if it can stand in a log
// line, else a new one; the answer has it too. [LogRequestIDs] writes it. The
// request's context also gets its client.
func (h *handler) identify(w http.ResponseWriter, r *http.Request) *http.Request {
	id := cmp.Or(RequestID(r.Context()), r.Header.Get(requestIDHeader)) // of a handler around this one
	if !saneRequestID(id) {
		id = rand.Text()
	}
	w.Header().Set(requestIDHeader, id)
	client, _ := h.Limits.Addresses.Client(r)
	return r.WithContext(limits.WithClient(context.WithValue(r.Context(), requestIDKey{}, id), client))
}

// saneRequestID allows letters, digits, and -._ between them.
func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

// RequestID returns the id of the request that a context belongs to; empty if
// there is none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// LogRequestIDs returns a handler that adds request_id to all lines that are
// logged with the context of a request, and passes them on to next.
func LogRequestIDs(next slog.Handler) slog.Handler { return requestIDLog{next} }

type requestIDLog struct{ slog.Handler }

func (l requestIDLog) Handle(ctx context.Context, line slog.Record) error {
	if id := RequestID(ctx); id != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", id))
	}
	return l.Handler.Handle(ctx, line)
}

func (l requestIDLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestIDLog{l.Handler.WithAttrs(attrs)}
}

func (l requestIDLog) WithGroup(name string) slog.Handler {
	return requestIDLog{l.Handler.WithGroup(name)}
}

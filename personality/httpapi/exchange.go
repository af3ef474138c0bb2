package httpapi

import (
	"context"
	"net/http"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// reply is an answer that is encoded while its request has a turn, and sent when
// the turn is given back.
type reply struct {
	status      int
	contentType string
	encode      func([]byte) []byte // appends the body
	size        int                 // about how many bytes that is, if it may be many
	body        []byte              // the body, where it is there already: encode is not called
	// private keeps caches from storing the answer: it has links, or URLs made of
	// the request's Host header.
	private bool
	// caching is the header Cache-Control, where that says more; "": nothing is said.
	caching string
}

// jsonType is compared as a whole by the official client: no charset.
const jsonType = "application/json"

func jsonReply(status int, body api.Body) reply {
	return reply{status: status, contentType: jsonType, encode: body.AppendJSON}
}

// work does what a request asks. The body is that of the request, nil for one
// that has none.
type work func(r *http.Request, body []byte) (reply, error)

// posted serves requests with a JSON body, see [handler.exchange].
func (h *handler) posted(gate *limits.Gate, do work) serveFunc {
	return h.postedUpTo(h.MaxBody, gate, do)
}

// postedUpTo is posted for bodies of at most so many bytes.
func (h *handler) postedUpTo(most int64, gate *limits.Gate, do work) serveFunc {
	return h.exchange(gate, do, func(w http.ResponseWriter, r *http.Request, held *limits.Holding) ([]byte, error) {
		if !isJSON(r.Header.Get("Content-Type")) {
			return nil, &api.MessageError{Code: 415, Message: "Expected request with `Content-Type: application/json`"}
		}
		return readBody(w, r, held, most)
	})
}

// asked serves requests without a body, see [handler.exchange].
func (h *handler) asked(gate *limits.Gate, do work) serveFunc {
	return h.exchange(gate, do, func(http.ResponseWriter, *http.Request, *limits.Holding) ([]byte, error) { return nil, nil })
}

// exchange reads a request, waits for a turn at the gate, does the work, gives the
// turn back and sends the answer. So nobody has a turn while the network is waited
// for; what is held in memory meanwhile is counted.
func (h *handler) exchange(gate *limits.Gate, do work, read func(http.ResponseWriter, *http.Request, *limits.Holding) ([]byte, error)) serveFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		client := limits.ClientOf(r.Context())
		request, answer := h.Limits.Memory.Hold(client), h.Limits.Memory.Hold(client)
		defer request.Release()
		defer answer.Release()
		body, err := read(w, r, request)
		if err != nil {
			return err
		}
		buffer := h.buffer()
		defer h.keep(buffer)
		reply, err := h.inTurn(r, gate, do, body, answer, buffer)
		if err != nil {
			return err
		}
		request.Release()
		if reply.private {
			reply.caching = "no-store"
		}
		if reply.caching != "" {
			w.Header().Set("Cache-Control", reply.caching)
		}
		return send(w, answer, reply.status, reply.contentType, reply.body)
	}
}

// inTurn does the work of a request, in its turn and time, and returns the reply with its
// body, which may be in buffer.
func (h *handler) inTurn(r *http.Request, gate *limits.Gate, do work, body []byte, answer *limits.Holding, buffer *[]byte) (reply, error) {
	ctx := r.Context()
	if h.Limits.RequestTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Limits.RequestTime)
		defer cancel()
	}
	leave, err := gate.Enter(ctx, limits.ClientOf(ctx))
	if err != nil {
		return reply{}, err
	}
	leave = sync.OnceFunc(leave)
	defer leave()
	made, err := do(r.WithContext(ctx), body)
	if err != nil {
		return reply{}, err
	}
	if made.body == nil {
		if made.size > cap(*buffer) { // not by doubling, which takes three times as much
			*buffer = make([]byte, 0, made.size)
		}
		*buffer = made.encode((*buffer)[:0])
		made.body = *buffer
	}
	// Still in turn: no more answers than turns are in memory without being counted,
	// and a few that wait for room.
	bytes := int64(cap(made.body))
	if answer.TryGrow(bytes) {
		return made, nil
	}
	leave()
	select {
	case h.roomless <- struct{}{}:
		defer func() { <-h.roomless }()
		return made, answer.Grow(ctx, bytes)
	default:
		return reply{}, limits.ErrFull
	}
}

// maxRoomless is how many answers may wait for room in memory without a turn.
const maxRoomless = 4

// maxKeptBuffer is the size in bytes of the largest buffer that is used again.
const maxKeptBuffer = 1 << 20

func (h *handler) buffer() *[]byte {
	buffer, _ := h.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	return buffer
}

func (h *handler) keep(buffer *[]byte) {
	if cap(*buffer) <= maxKeptBuffer {
		h.buffers.Put(buffer)
	}
}

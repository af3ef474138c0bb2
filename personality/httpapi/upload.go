package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// uploadContent takes content that a record names. An upload that waits for its
// client is open, and has no turn: it takes one when all of its body has come, for
// the check of the content and what follows.
func (h *handler) uploadContent(w http.ResponseWriter, r *http.Request) error {
	logID, recordID, err := pathRecord(r)
	if err != nil {
		return err
	}
	anyDigest, err := pathHash(r, "digest")
	if err != nil {
		return err
	}
	digest, err := anyDigest.Hash()
	if err != nil {
		return h.notRequired(r, logID, recordID, anyDigest)
	}
	if r.ContentLength > h.MaxContent {
		return h.contentTooLarge()
	}
	close, err := h.Limits.Uploads.Take(limits.ClientOf(r.Context()))
	if err != nil {
		return err
	}
	defer close()
	body := &uploadBody{ctx: r.Context(), from: r.Body, gate: h.Limits.Uploading}
	defer body.leaveTurn()
	err = h.registry.UploadContent(r.Context(), logID, recordID, digest, body)
	if err == nil {
		err = h.readRest(body)
	} else if body.ended != nil && body.ended != io.EOF && errors.Is(err, body.ended) && r.Context().Err() == nil {
		err = bodyError(body.ended) // the client's, not ours
	}
	h.Observer.ContentReceived(body.bytes)
	if err != nil {
		return err
	}
	url, private := h.contentURL(r, digest)
	if private {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Location", url)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (h *handler) contentTooLarge() error {
	return &registry.TooLargeError{Reason: fmt.Sprintf("content is larger than %d bytes, the most that this registry accepts", h.MaxContent)}
}

// readRest reads what the registry did not want, such as content that it has. The
// client, and proxies before it, send all of it before they look for an answer.
func (h *handler) readRest(body *uploadBody) error {
	if body.ended != nil {
		return nil
	}
	body.gate = nil // there is nothing to do at its end
	left := h.MaxContent - body.bytes
	if n, err := io.Copy(io.Discard, io.LimitReader(body, left+1)); err != nil {
		return bodyError(err)
	} else if n > left {
		return h.contentTooLarge()
	}
	return nil
}

// uploadBody is the body of an upload. Its end is only seen in turn.
type uploadBody struct {
	ctx   context.Context
	from  io.Reader
	gate  *limits.Gate
	bytes int64
	ended error // what reading ended with
	leave func()
}

func (u *uploadBody) Read(b []byte) (int, error) {
	if u.ended != nil {
		return 0, u.ended
	}
	n, err := u.from.Read(b)
	u.bytes += int64(n)
	if err == io.EOF {
		if leave, refused := u.gate.Enter(u.ctx, limits.ClientOf(u.ctx)); refused != nil {
			err = refused
		} else {
			u.leave = leave
		}
	}
	u.ended = err
	return n, err
}

func (u *uploadBody) leaveTurn() {
	if u.leave != nil {
		u.leave()
	}
}

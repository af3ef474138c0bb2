package httpapi

import (
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// The routes of what the operator withholds are ours; the protocol's API has none. Who may
// post is who signs with a key of the operator log that may sign checkpoints.

// maxStatement bounds the body of a statement in bytes: its texts may be escaped.
const maxStatement = 16 << 10

func (h *handler) withhold(r *http.Request, body []byte) (reply, error) {
	var s withheld.Signed
	if err := decode(body, &s); err != nil {
		return reply{}, err
	}
	if err := h.registry.Withhold(r.Context(), s); err != nil {
		return reply{}, err
	}
	return jsonReply(http.StatusOK, s), nil
}

func (h *handler) withheld(r *http.Request, _ []byte) (reply, error) {
	var from uint64
	if text := r.URL.Query().Get("from"); text != "" {
		var err error
		if from, err = strconv.ParseUint(text, 10, 63); err != nil {
			return reply{}, &registry.InvalidError{Reason: "from is not the number of a statement"}
		}
	}
	page, err := h.registry.Withheld(r.Context(), from)
	if err != nil {
		return reply{}, err
	}
	answer := jsonReply(http.StatusOK, page)
	answer.caching = "no-store"
	return answer, nil
}

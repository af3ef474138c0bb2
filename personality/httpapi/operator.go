package httpapi

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The routes of operator records are ours; the protocol's API has none. Who may post is
// who signs with a key of the operator log that is permitted to.

func (h *handler) publishOperator(r *http.Request, body []byte) (reply, error) {
	var request api.PublishOperatorRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	key := request.Record.KeyID
	if err := h.Limits.Records.Check(key); err != nil {
		return reply{}, err
	}
	status, err := h.registry.PublishOperator(r.Context(), request.Record)
	if err != nil {
		return reply{}, err
	}
	if status.State != registry.Published { // everybody can post a published one again
		h.Limits.Records.Charge(key)
	}
	return h.recordReply(r, http.StatusAccepted, protocol.OperatorLogID(), status), nil
}

func (h *handler) operatorStatus(r *http.Request, _ []byte) (reply, error) {
	anyID, err := pathHash(r, "record")
	if err != nil {
		return reply{}, err
	}
	id, err := anyID.Hash()
	if err != nil {
		return reply{}, &api.PackageError{Variant: api.RecordNotFound, RecordID: anyID}
	}
	status, err := h.registry.RecordStatus(r.Context(), protocol.OperatorLogID(), id)
	if err != nil {
		return reply{}, err
	}
	return h.recordReply(r, http.StatusOK, protocol.OperatorLogID(), status), nil
}

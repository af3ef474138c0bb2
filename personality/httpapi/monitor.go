package httpapi

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func (h *handler) verifyCheckpoint(r *http.Request, body []byte) (reply, error) {
	var received protocol.ReceivedCheckpoint
	if err := decode(body, &received); err != nil {
		return reply{}, err
	}
	checkpoint, signature, err := h.registry.VerifyCheckpoint(r.Context(), received)
	if err != nil {
		return reply{}, err
	}
	return jsonReply(http.StatusOK, api.CheckpointVerificationResponse{
		Checkpoint: verificationState(checkpoint),
		Signature:  verificationState(signature),
	}), nil
}

func verificationState(v reader.Verdict) api.VerificationState {
	switch v {
	case reader.Verified:
		return api.Verified
	case reader.Invalid:
		return api.Invalid
	}
	return api.Unverified
}

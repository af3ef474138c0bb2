package httpapi

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func (h *handler) verifyCheckpoint(w http.ResponseWriter, r *http.Request) error {
	var received protocol.ReceivedCheckpoint
	leave, err := h.readJSON(w, r, h.Limits.Reading, &received)
	if err != nil {
		return err
	}
	defer leave()
	checkpoint, signature, err := h.registry.VerifyCheckpoint(r.Context(), received)
	if err != nil {
		return err
	}
	return h.writeBody(w, http.StatusOK, api.CheckpointVerificationResponse{
		Checkpoint: verificationState(checkpoint),
		Signature:  verificationState(signature),
	})
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

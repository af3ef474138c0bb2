package httpapi

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

func (h *handler) proveConsistency(r *http.Request, body []byte) (reply, error) {
	var request api.ConsistencyRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	bundle, err := h.registry.ProveConsistency(r.Context(), request.From, request.To)
	if err != nil {
		return reply{}, err
	}
	return jsonReply(http.StatusOK, api.ConsistencyResponse{Proof: bundle}), nil
}

func (h *handler) proveInclusion(r *http.Request, body []byte) (reply, error) {
	var request api.InclusionRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	if err := h.checkItems("leafs", len(request.Leafs)); err != nil {
		return reply{}, err
	}
	logBundle, mapBundle, err := h.registry.ProveInclusion(r.Context(), request.LogLength, request.Leafs)
	if err != nil {
		return reply{}, err
	}
	return jsonReply(http.StatusOK, api.InclusionResponse{Log: logBundle, Map: mapBundle}), nil
}

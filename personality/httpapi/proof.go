package httpapi

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

func (h *handler) proveConsistency(w http.ResponseWriter, r *http.Request) error {
	var request api.ConsistencyRequest
	leave, err := h.readJSON(w, r, h.Limits.Reading, &request)
	if err != nil {
		return err
	}
	defer leave()
	bundle, err := h.registry.ProveConsistency(r.Context(), request.From, request.To)
	if err != nil {
		return err
	}
	return h.writeBody(w, http.StatusOK, api.ConsistencyResponse{Proof: bundle})
}

func (h *handler) proveInclusion(w http.ResponseWriter, r *http.Request) error {
	var request api.InclusionRequest
	leave, err := h.readJSON(w, r, h.Limits.Reading, &request)
	if err != nil {
		return err
	}
	defer leave()
	if err := h.checkItems("leafs", len(request.Leafs)); err != nil {
		return err
	}
	logBundle, mapBundle, err := h.registry.ProveInclusion(r.Context(), request.LogLength, request.Leafs)
	if err != nil {
		return err
	}
	return h.writeBody(w, http.StatusOK, api.InclusionResponse{Log: logBundle, Map: mapBundle})
}

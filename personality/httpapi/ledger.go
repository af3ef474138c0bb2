package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// ledgerChunk is how many leaves a ledger source has.
const ledgerChunk = 1000

func (h *handler) ledgerSources(w http.ResponseWriter, r *http.Request) error {
	var length uint64
	checkpoint, err := h.registry.LatestCheckpoint(r.Context())
	var none *registry.CheckpointNotFoundError
	if err == nil {
		length = checkpoint.Contents.LogLength
	} else if !errors.As(err, &none) {
		return err
	}
	response := api.LedgerSourcesResponse{}
	for first := uint64(0); first < length; first += ledgerChunk {
		response.Sources = append(response.Sources, api.LedgerSource{
			First: first,
			Last:  min(first+ledgerChunk, length) - 1,
			URL:   api.LedgerRecordsPath(first),
		})
	}
	return h.writeBody(w, http.StatusOK, response)
}

func (h *handler) ledgerRecords(w http.ResponseWriter, r *http.Request) error {
	start, err := strconv.ParseUint(r.PathValue("start"), 10, 64)
	if err != nil {
		return badRequest("Invalid URL: Cannot parse `%s` to a `u64`", r.PathValue("start"))
	}
	leaves, err := h.registry.Leaves(r.Context(), start, ledgerChunk)
	if err != nil {
		return err
	}
	packed := make([]byte, 0, len(leaves)*api.PackedRecordSize)
	for _, leaf := range leaves {
		packed = api.AppendPackedRecord(packed, leaf)
	}
	w.Header().Set("Content-Type", api.PackedContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(packed)))
	w.Write(packed)
	return nil
}

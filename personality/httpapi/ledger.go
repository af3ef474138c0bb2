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

func (h *handler) ledgerSources(r *http.Request, _ []byte) (reply, error) {
	var length uint64
	checkpoint, err := h.registry.LatestCheckpoint(r.Context())
	var none *registry.CheckpointNotFoundError
	if err == nil {
		length = checkpoint.Contents.LogLength
	} else if !errors.As(err, &none) {
		return reply{}, err
	}
	response := api.LedgerSourcesResponse{}
	for first := uint64(0); first < length; first += ledgerChunk {
		response.Sources = append(response.Sources, api.LedgerSource{
			First: first,
			Last:  min(first+ledgerChunk, length) - 1,
			URL:   api.LedgerRecordsPath(first),
		})
	}
	return jsonReply(http.StatusOK, response), nil
}

func (h *handler) ledgerRecords(r *http.Request, _ []byte) (reply, error) {
	start, err := strconv.ParseUint(r.PathValue("start"), 10, 64)
	if err != nil {
		return reply{}, badRequest("Invalid URL: Cannot parse `%s` to a `u64`", r.PathValue("start"))
	}
	leaves, err := h.registry.Leaves(r.Context(), start, ledgerChunk)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, contentType: api.PackedContentType, encode: func(b []byte) []byte {
		for _, leaf := range leaves {
			b = api.AppendPackedRecord(b, leaf)
		}
		return b
	}}, nil
}

package httpapi

import (
	"encoding/base64"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Records per log in one answer.
const (
	defaultRecordsLimit = 100
	maxRecordsLimit     = 1000
)

// maxNames is how many names are answered; a client asks again for the rest.
const maxNames = 1000

func (h *handler) fetchCheckpoint(r *http.Request, _ []byte) (reply, error) {
	checkpoint, err := h.registry.LatestCheckpoint(r.Context())
	if err != nil {
		return reply{}, err
	}
	text, err := checkpoint.MarshalJSON()
	if err != nil {
		return reply{}, err
	}
	return tagged(r, reply{status: http.StatusOK, contentType: jsonType, body: text}), nil
}

func (h *handler) fetchLogs(r *http.Request, body []byte) (reply, error) {
	var request api.FetchLogsRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	query, err := h.logsQuery(request)
	if err != nil {
		return reply{}, err
	}
	found, err := h.registry.FetchLogs(r.Context(), query)
	if err != nil {
		return reply{}, h.withHint(r.Context(), err)
	}
	response := api.FetchLogsResponse{More: found.More, Operator: publishedRecords(found.Operator)}
	for _, p := range found.Packages {
		response.Packages = append(response.Packages,
			api.HashEntry[[]api.PublishedRecord]{Hash: p.LogID.Any(), Value: publishedRecords(p.Records)})
	}
	answer := jsonReply(http.StatusOK, response)
	answer.size = encodedSize(response)
	return answer, nil
}

// encodedSize is a little more than the size of an answer in JSON.
func encodedSize(response api.FetchLogsResponse) int {
	const (
		ofLog    = 100 // its id
		ofRecord = 512 // but for its content: key id, signature, fetch token
	)
	size := 0
	add := func(records []api.PublishedRecord) {
		for _, r := range records {
			size += base64.StdEncoding.EncodedLen(len(r.Envelope.Content)) + ofRecord
		}
	}
	add(response.Operator)
	for _, p := range response.Packages {
		size += ofLog
		add(p.Value)
	}
	return size
}

func (h *handler) logsQuery(request api.FetchLogsRequest) (q reader.FetchLogsRequest, err error) {
	q = reader.FetchLogsRequest{LogLength: request.LogLength, Limit: defaultRecordsLimit}
	if request.Limit != nil {
		q.Limit = int(*request.Limit)
	}
	if q.Limit == 0 || q.Limit > maxRecordsLimit {
		return q, badRequest("invalid records limit value `%d`: must be between 1 and %d", q.Limit, maxRecordsLimit)
	}
	if err := h.checkItems("packages", len(request.Packages)); err != nil {
		return q, err
	}
	if q.Operator, err = fetchToken(request.Operator); err != nil {
		return q, err
	}
	q.Packages = make([]reader.PackageLogCursor, len(request.Packages))
	for i, p := range request.Packages {
		cursor := &q.Packages[i]
		if cursor.FetchToken, err = fetchToken(p.Value); err != nil {
			return q, err
		}
		if cursor.LogID, err = p.Hash.Hash(); err != nil {
			return q, &api.FetchError{Variant: api.FetchLogNotFound, LogID: p.Hash}
		}
	}
	return q, nil
}

// fetchToken gives "" for none; a token that is itself empty is never one that
// was given out.
func fetchToken(token *string) (string, error) {
	switch {
	case token == nil:
		return "", nil
	case *token == "":
		return "", &api.FetchError{Variant: api.FetchTokenNotFound}
	}
	return *token, nil
}

func publishedRecords(records []reader.PublishedRecord) []api.PublishedRecord {
	list := make([]api.PublishedRecord, len(records))
	for i, r := range records {
		list[i] = api.PublishedRecord{Envelope: r.Envelope, RegistryIndex: r.RegistryIndex, FetchToken: r.RecordID.String()}
	}
	return list
}

// fetchNames answers with the names of package logs. Like the reference, it
// answers with an error if one of the logs is not known.
func (h *handler) fetchNames(r *http.Request, body []byte) (reply, error) {
	var request api.FetchPackageNamesRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	asked := request.Packages[:min(len(request.Packages), maxNames)]
	names, err := h.names(r, asked)
	if err != nil {
		return reply{}, err
	}
	response := api.FetchPackageNamesResponse{}
	answered := map[protocol.AnyHash]bool{}
	for _, id := range asked {
		if names[id] == nil {
			return reply{}, h.withLogHint(r.Context(), id, &api.FetchError{Variant: api.FetchLogNotFound, LogID: id})
		}
		if !answered[id] {
			answered[id] = true
			response.Packages = append(response.Packages, api.HashEntry[*protocol.PackageName]{Hash: id, Value: names[id]})
		}
	}
	return jsonReply(http.StatusOK, response), nil
}

// names gives the names that are known.
func (h *handler) names(r *http.Request, ids []protocol.AnyHash) (map[protocol.AnyHash]*protocol.PackageName, error) {
	var logIDs []protocol.Hash
	for _, id := range ids {
		if logID, err := id.Hash(); err == nil {
			logIDs = append(logIDs, logID)
		}
	}
	found, err := h.registry.Names(r.Context(), logIDs)
	if err != nil {
		return nil, err
	}
	names := map[protocol.AnyHash]*protocol.PackageName{}
	for _, named := range found {
		if named.Name == "" {
			continue
		}
		name, err := protocol.ParsePackageName(named.Name)
		if err != nil {
			return nil, err
		}
		names[named.LogID.Any()] = &name
	}
	return names, nil
}

func (h *handler) checkItems(what string, n int) error {
	if n > h.MaxItems {
		return &api.MessageError{Code: 413, Message: tooMany(what, n, h.MaxItems)}
	}
	return nil
}

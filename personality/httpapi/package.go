package httpapi

import (
	"fmt"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func (h *handler) publish(r *http.Request, body []byte) (reply, error) {
	anyLogID, err := pathHash(r, "log")
	if err != nil {
		return reply{}, err
	}
	var request api.PublishRecordRequest
	if err := decode(body, &request); err != nil {
		return reply{}, err
	}
	logID, err := anyLogID.Hash()
	if err != nil { // the registry compares all others itself
		return reply{}, badRequest("package log identifier `%s` derived from `%s` does not match provided log identifier `%s`",
			request.PackageName.LogID(), request.PackageName, anyLogID)
	}
	if len(request.ContentSources) > 0 && !h.FetchContent {
		return reply{}, &api.PackageError{Variant: api.NotSupported, Message: "specifying content sources is not supported"}
	}
	key := request.Record.KeyID
	if err := h.Limits.Records.Check(key); err != nil {
		return reply{}, err
	}
	status, err := h.publishRecord(r, logID, request)
	if err != nil {
		return reply{}, h.withImport(r.Context(), request.PackageName, err)
	}
	if status.State != registry.Published { // everybody can post a published one again
		h.Limits.Records.Charge(key)
	}
	return h.recordReply(r, http.StatusAccepted, logID, status), nil
}

// publishRecord posts a record, with where its content may be fetched if it says that.
func (h *handler) publishRecord(r *http.Request, logID protocol.Hash, request api.PublishRecordRequest) (registry.RecordStatus, error) {
	if len(request.ContentSources) == 0 {
		return h.registry.Publish(r.Context(), logID, request.PackageName, request.Record)
	}
	sources := registry.SourceURLs{}
	for _, of := range request.ContentSources {
		digest, err := of.Hash.Hash()
		if err != nil {
			return registry.RecordStatus{}, badRequest("content digest `%s`, which has content sources, is not required for the package record", of.Hash)
		}
		for _, source := range of.Value {
			sources[digest] = append(sources[digest], source.URL)
		}
	}
	return h.registry.PublishFrom(r.Context(), logID, request.PackageName, request.Record, sources)
}

func (h *handler) recordStatus(r *http.Request, _ []byte) (reply, error) {
	logID, recordID, err := pathRecord(r)
	if err != nil {
		return reply{}, err
	}
	status, err := h.registry.RecordStatus(r.Context(), logID, recordID)
	if err != nil {
		return reply{}, err
	}
	return h.recordReply(r, http.StatusOK, logID, status), nil
}

// notRequired is the answer to content under a digest that no record can have.
func (h *handler) notRequired(r *http.Request, logID, recordID protocol.Hash, digest protocol.AnyHash) error {
	status, err := h.registry.RecordStatus(r.Context(), logID, recordID)
	if err != nil {
		return err
	}
	if status.State != registry.Sourcing {
		return registry.ErrRecordNotSourcing
	}
	return badRequest("content digest `%s` is not required for package record `%s`", digest, recordID)
}

// pathRecord reads the ids of a log and a record from the path.
func pathRecord(r *http.Request) (logID, recordID protocol.Hash, err error) {
	anyLogID, err := pathHash(r, "log")
	if err != nil {
		return logID, recordID, err
	}
	anyRecordID, err := pathHash(r, "record")
	if err != nil {
		return logID, recordID, err
	}
	if logID, err = anyLogID.Hash(); err != nil {
		return logID, recordID, &api.PackageError{Variant: api.PackageLogNotFound, LogID: anyLogID}
	}
	if recordID, err = anyRecordID.Hash(); err != nil {
		return logID, recordID, &api.PackageError{Variant: api.RecordNotFound, RecordID: anyRecordID}
	}
	return logID, recordID, nil
}

// recordReply answers with the status of a record in the API's form.
func (h *handler) recordReply(r *http.Request, code int, logID protocol.Hash, status registry.RecordStatus) reply {
	record, private := api.PackageRecord{RecordID: status.RecordID.Any()}, h.Private != nil
	switch status.State {
	case registry.Sourcing:
		record.State = api.StateSourcing
		for _, digest := range status.Missing {
			url := h.link(r, access.Publish, http.MethodPost, api.UploadContentPath(logID, status.RecordID, digest))
			// Official clients take the first, and do not say how long the content is,
			// which most buckets want to know.
			places := []api.UploadEndpoint{{Method: http.MethodPost, URL: url}}
			if direct, err := h.registry.UploadURL(r.Context(), logID, status.RecordID, digest); err != nil {
				h.Logger.WarnContext(r.Context(), "there is no URL for uploads to the content bucket; clients upload to this server", "error", err)
			} else if direct != "" {
				places = append(places, api.UploadEndpoint{Method: http.MethodPut, URL: direct})
				private = true
			}
			record.MissingContent = append(record.MissingContent, api.HashEntry[api.MissingContent]{
				Hash: digest.Any(), Value: api.MissingContent{Upload: places, Reason: status.Failures[digest]},
			})
		}
	case registry.Published:
		record.State, record.RegistryIndex = api.StatePublished, status.RegistryIndex
	case registry.Rejected:
		record.State, record.Reason = api.StateRejected, status.Reason
	case registry.Processing:
		record.State = api.StateProcessing
	default:
		h.Logger.ErrorContext(r.Context(), "a record has a state that the API does not know", "record", status.RecordID, "state", status.State)
		return jsonReply(internalError.Status(), internalError)
	}
	answer := jsonReply(code, record)
	answer.private = private
	return answer
}

func tooMany(what string, n, most int) string {
	return fmt.Sprintf("too many %s: %d in one request, at most %d are allowed; ask in parts", what, n, most)
}

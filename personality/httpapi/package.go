package httpapi

import (
	"fmt"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func (h *handler) publish(w http.ResponseWriter, r *http.Request) error {
	logID, err := pathHash(r, "log")
	if err != nil {
		return err
	}
	var request api.PublishRecordRequest
	leave, err := h.readJSON(w, r, h.Limits.Publishing, &request)
	if err != nil {
		return err
	}
	defer leave()
	expected := request.PackageName.LogID()
	if expected.Any() != logID {
		return badRequest("package log identifier `%s` derived from `%s` does not match provided log identifier `%s`",
			expected, request.PackageName, logID)
	}
	if len(request.ContentSources) > 0 {
		return &api.PackageError{Variant: api.NotSupported, Message: "specifying content sources is not supported"}
	}
	key := request.Record.KeyID
	if err := h.Limits.Records.Check(key); err != nil {
		return err
	}
	status, err := h.registry.Publish(r.Context(), expected, request.PackageName, request.Record)
	if err != nil {
		return err
	}
	if status.State != registry.Published { // everybody can post a published one again
		h.Limits.Records.Charge(key)
	}
	return h.writeBody(w, http.StatusAccepted, h.packageRecord(expected, status))
}

func (h *handler) recordStatus(w http.ResponseWriter, r *http.Request) error {
	logID, recordID, err := pathRecord(r)
	if err != nil {
		return err
	}
	status, err := h.registry.RecordStatus(r.Context(), logID, recordID)
	if err != nil {
		return err
	}
	return h.writeBody(w, http.StatusOK, h.packageRecord(logID, status))
}

func (h *handler) uploadContent(w http.ResponseWriter, r *http.Request) error {
	logID, recordID, err := pathRecord(r)
	if err != nil {
		return err
	}
	anyDigest, err := pathHash(r, "digest")
	if err != nil {
		return err
	}
	digest, err := anyDigest.Hash()
	if err != nil {
		return h.notRequired(r, logID, recordID, anyDigest)
	}
	leave, err := h.Limits.Uploading.Enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	body := &countingReader{Reader: r.Body}
	err = h.registry.UploadContent(r.Context(), logID, recordID, digest, body)
	h.Observer.ContentReceived(body.bytes)
	if err != nil {
		return err
	}
	w.Header().Set("Location", h.contentURL(r, digest))
	w.WriteHeader(http.StatusCreated)
	return nil
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

// packageRecord puts the status of a record into the API's form.
func (h *handler) packageRecord(logID protocol.Hash, status registry.RecordStatus) api.PackageRecord {
	record := api.PackageRecord{RecordID: status.RecordID.Any()}
	switch status.State {
	case registry.Sourcing:
		record.State = api.StateSourcing
		for _, digest := range status.Missing {
			record.MissingContent = append(record.MissingContent, api.HashEntry[api.MissingContent]{
				Hash: digest.Any(),
				Value: api.MissingContent{Upload: []api.UploadEndpoint{
					{Method: http.MethodPost, URL: h.link(http.MethodPost, api.UploadContentPath(logID, status.RecordID, digest))},
				}},
			})
		}
	case registry.Published:
		record.State, record.RegistryIndex = api.StatePublished, status.RegistryIndex
	case registry.Rejected:
		record.State, record.Reason = api.StateRejected, status.Reason
	default:
		record.State = api.StateProcessing
	}
	return record
}

func tooMany(what string, n, most int) string {
	return fmt.Sprintf("too many %s: %d in one request, at most %d are allowed; ask in parts", what, n, most)
}

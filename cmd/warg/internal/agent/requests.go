package agent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
)

// checkPush refuses requests for which ociserver has no error of the protocol: manifests
// that can not be read, and ids that no upload has. It reads the body of a manifest, and
// gives the request another one.
func (a *Agent) checkPush(r *http.Request) error {
	if _, id, ok := strings.Cut(r.URL.Path, "/blobs/uploads/"); ok && id != "" {
		if decoded, err := base64.RawURLEncoding.DecodeString(id); err != nil || !validID(string(decoded)) {
			return refusal(ociregistry.ErrBlobUploadUnknown, "the agent knows no such upload: push again")
		}
	}
	if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
		return nil
	}
	data, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return refusal(ociregistry.ErrManifestInvalid, "the manifest has more than %d bytes", maxManifest)
	}
	if err != nil {
		return err
	}
	var any struct { // what ociserver reads of it
		Subject *ociregistry.Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(data, &any); err != nil {
		return refusal(ociregistry.ErrManifestInvalid, "the manifest can not be read: %v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

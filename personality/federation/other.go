package federation

import (
	"context"
	"io"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Other is another registry as this one answers for it: what a mode implements.
//
// Its Ready says whether it can answer at all, its Remarks what its operator and that of
// this registry should look at, such as an upstream that was caught lying; they stand among
// the remarks of this registry.
type Other interface {
	httpapi.Registry
	// Run does what is to be done beside requests until ctx ends.
	Run(ctx context.Context) error
	// Close gives back what was opened. Run has returned, if it was called.
	Close() error
}

// ReadOnly refuses all that would enter a registry through another one, and says where it
// can be done. It implements [httpapi.Admission].
type ReadOnly struct{ Domain, URL string }

func (r ReadOnly) refusal() error { return &registry.ReadOnlyError{Domain: r.Domain, URL: r.URL} }

// Publish implements [httpapi.Admission].
func (r ReadOnly) Publish(context.Context, protocol.Hash, protocol.PackageName, protocol.Envelope) (registry.RecordStatus, error) {
	return registry.RecordStatus{}, r.refusal()
}

// PublishOperator implements [httpapi.Admission].
func (r ReadOnly) PublishOperator(context.Context, protocol.Envelope) (registry.RecordStatus, error) {
	return registry.RecordStatus{}, r.refusal()
}

// PublishFrom implements [httpapi.Admission].
func (r ReadOnly) PublishFrom(context.Context, protocol.Hash, protocol.PackageName, protocol.Envelope, registry.SourceURLs) (registry.RecordStatus, error) {
	return registry.RecordStatus{}, r.refusal()
}

// Withhold implements [httpapi.Admission].
func (r ReadOnly) Withhold(context.Context, withheld.Signed) error { return r.refusal() }

// UploadContent implements [httpapi.Admission].
func (r ReadOnly) UploadContent(context.Context, protocol.Hash, protocol.Hash, protocol.Hash, io.Reader) error {
	return r.refusal()
}

// UploadURL implements [httpapi.Reader]: there is nothing to upload.
func (r ReadOnly) UploadURL(context.Context, protocol.Hash, protocol.Hash, protocol.Hash) (string, error) {
	return "", nil
}

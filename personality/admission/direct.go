package admission

import (
	"context"
	"errors"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// incomingEach is how often is looked for what clients have put into the bucket, while
// records wait for content.
const incomingEach = time.Second

// UploadURL is where a client may put content for a record itself, with HTTP PUT; empty:
// nowhere. What it puts there is taken within seconds, as if it was uploaded here.
func (a *Admission) UploadURL(ctx context.Context, logID, recordID, digest protocol.Hash) (string, error) {
	if a.options.Direct == nil {
		return "", nil
	}
	return a.options.Direct.UploadURL(ctx, logID, recordID, digest, min(a.options.UploadTimeout, time.Hour))
}

// takeIncoming takes what clients have put into the bucket. Every process may do it: who
// comes second finds that it is there already.
func (a *Admission) takeIncoming(ctx context.Context) (time.Duration, error) {
	if a.totals.waiting().Records == 0 {
		return incomingEach, nil
	}
	return incomingEach, a.options.Direct.Incoming(ctx, func(i content.Incoming) error {
		if err := a.takeOne(ctx, i); err != nil {
			return err
		}
		return a.options.Direct.RemoveIncoming(ctx, i)
	})
}

// takeOne fails if the content may be taken at another time. What is wrong with it is
// said in the log: the client is not there to be told, and sees its record wait, or
// rejected.
func (a *Admission) takeOne(ctx context.Context, i content.Incoming) error {
	body, err := a.options.Direct.OpenIncoming(ctx, i)
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	err = a.UploadContent(ctx, i.LogID, i.RecordID, i.Digest, body)
	if err == nil {
		return nil
	}
	if isRefusal(err) {
		a.options.Logger.Info("content that a client put into the bucket is not taken", "log", i.LogID, "record", i.RecordID, "digest", i.Digest, "error", err)
		return nil
	}
	return err
}

// isRefusal reports whether an error is about what was uploaded, and not about this
// server.
func isRefusal(err error) bool {
	_, invalid := errors.AsType[*registry.InvalidError](err)
	_, rejected := errors.AsType[*registry.RejectionError](err)
	_, large := errors.AsType[*registry.TooLargeError](err)
	_, noLog := errors.AsType[*registry.LogNotFoundError](err)
	_, noRecord := errors.AsType[*registry.RecordNotFoundError](err)
	_, withheld := errors.AsType[*registry.WithheldError](err)
	return invalid || rejected || large || noLog || noRecord || withheld || errors.Is(err, registry.ErrRecordNotSourcing)
}

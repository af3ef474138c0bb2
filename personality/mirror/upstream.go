package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	userAgent = "warg-personality mirror"
	// requestTime is for one request with all of its answer.
	requestTime = 2 * time.Minute
	// maxAnswer is the largest JSON answer that is read, in bytes: a page of records has
	// some 10 MiB at most.
	maxAnswer = 32 << 20
)

// errAbsent says that the upstream has no such thing.
var errAbsent = errors.New("the upstream does not have it")

// errTooLong says that an answer is longer than it may be.
var errTooLong = errors.New("the answer is too long")

// upstream asks a registry. Nothing is verified.
type upstream struct {
	base *url.URL // ends with a slash
	http *http.Client
	etag string // of the newest checkpoint, if the upstream gives it
}

// get reads an answer of at most limit bytes.
func (u *upstream) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	text, _, err := u.ask(ctx, http.MethodGet, path, nil, limit, "")
	return text, err
}

// post sends a JSON body and reads a JSON answer.
func (u *upstream) post(ctx context.Context, path string, body api.Body, answer json.Unmarshaler) error {
	text, _, err := u.ask(ctx, http.MethodPost, path, body.AppendJSON(nil), maxAnswer, "")
	if err != nil {
		return err
	}
	if err := answer.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("POST %s: the answer can not be read: %w", path, err)
	}
	return nil
}

// changed reads the newest checkpoint as it is; nil if the upstream says that it is the one
// that was read last.
func (u *upstream) changed(ctx context.Context) ([]byte, error) {
	text, etag, err := u.ask(ctx, http.MethodGet, api.FetchCheckpointPath, nil, maxAnswer, u.etag)
	if err == nil {
		u.etag = etag
	}
	return text, err
}

// ask makes a request once.
func (u *upstream) ask(ctx context.Context, method, path string, body []byte, limit int64, etag string) (text []byte, newTag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	relative, err := url.Parse(path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: the upstream gave a link that can not be read", method)
	}
	target := u.base.ResolveReference(relative)
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("User-Agent", userAgent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := u.http.Do(request)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // without the URL: its query may hold a signature
		}
		return nil, "", fmt.Errorf("%s %s: %w", method, target.Path, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified:
		return nil, etag, nil
	case response.StatusCode == http.StatusNotFound, response.StatusCode == http.StatusNotImplemented:
		return nil, "", fmt.Errorf("%s %s: %w (status %d)", method, target.Path, errAbsent, response.StatusCode)
	case response.StatusCode != http.StatusOK:
		said, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return nil, "", fmt.Errorf("%s %s: the upstream answers with status %d: %q", method, target.Path, response.StatusCode, said)
	}
	text, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", errTooLong, limit)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", method, target.Path, err)
	}
	return text, response.Header.Get("ETag"), nil
}

// consistent has the upstream prove that the log of one root is a prefix of that of another.
func (u *upstream) consistent(ctx context.Context, from, to follow.Root) error {
	var answer api.ConsistencyResponse
	if err := u.post(ctx, api.ProveConsistencyPath, api.ConsistencyRequest{From: from.Size, To: to.Size}, &answer); err != nil {
		return err
	}
	bundle, err := proof.DecodeLogBundle(answer.Proof)
	if err == nil {
		err = bundle.VerifyConsistency(from.Size, to.Size, from.Hash, to.Hash)
	}
	if err != nil {
		return &follow.InconsistentError{Size: from.Size, Err: fmt.Errorf("the records up to %d are not proved to be those of the upstream's log of %d: %w", from.Size, to.Size, err)}
	}
	return nil
}

// AskNewest asks a registry for the newest checkpoint that it has published, which is not
// verified. An [*outbound.Error] that is Unreached: nothing is there.
func AskNewest(ctx context.Context, of federation.Registry, client *http.Client) (newest protocol.Checkpoint, err error) {
	base, err := url.Parse(of.URL)
	if err != nil {
		return newest, err
	}
	var said protocol.SignedCheckpoint
	text, err := (&upstream{base: base.JoinPath("/"), http: client}).get(ctx, api.FetchCheckpointPath, maxAnswer)
	if err == nil {
		err = said.UnmarshalJSON(text)
	}
	return said.Contents.Checkpoint, err
}

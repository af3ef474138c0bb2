package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// Bounds in bytes.
const (
	maxErrorBody = 64 << 10
	maxErrorText = 200 // of a body that is not the API's
	maxDrain     = 64 << 10
)

// errorBody is a zero error of one of the APIs, to read a body into.
type errorBody interface {
	api.Error
	json.Unmarshaler
}

// get asks for a JSON answer.
func (c *Client) get(ctx context.Context, path string, answer json.Unmarshaler, newError func() errorBody) error {
	return c.call(ctx, http.MethodGet, path, nil, answer, newError)
}

// post sends a JSON body and asks for a JSON answer.
func (c *Client) post(ctx context.Context, path string, body api.Body, answer json.Unmarshaler, newError func() errorBody) error {
	return c.call(ctx, http.MethodPost, path, body.AppendJSON(nil), answer, newError)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, answer json.Unmarshaler, newError func() errorBody) error {
	target := c.resolve(path)
	return c.retry(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
		if err != nil {
			return transportError(method, target, err)
		}
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		request.Header.Set("Accept", "application/json")
		response, err := c.send(request, newError)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := readBounded(response.Body, c.options.MaxAnswer)
		if err != nil {
			return transportError(method, target, err)
		}
		if err := answer.UnmarshalJSON(text); err != nil {
			return transportError(method, target, fmt.Errorf("%w: %w", ErrMalformed, err))
		}
		return nil
	})
}

// send makes a request once. The response that it returns has a 2xx status and
// is to be closed; others become an [*APIError].
func (c *Client) send(request *http.Request, newError func() errorBody) (*http.Response, error) {
	request.Header.Set("User-Agent", c.options.UserAgent)
	if c.options.Token != "" && c.isRegistry(request.URL) && request.Header.Get("Authorization") == "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	response, err := c.do(request)
	if err != nil {
		return nil, transportError(request.Method, request.URL, err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	text, err := readBounded(response.Body, maxErrorBody)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, transportError(request.Method, request.URL, err)
	}
	return nil, &APIError{
		Method: request.Method, URL: redacted(request.URL), Status: response.StatusCode,
		RetryAfter: retryAfter(response.Header.Get("Retry-After"), c.options.Now()),
		Hint:       response.Header.Get(api.RegistryHintHeader),
		Body:       parseError(response.StatusCode, text, newError()),
	}
}

// resolve returns the URL of a path of the API, or of a link that the registry
// gave, which may be relative to its own URL.
func (c *Client) resolve(path string) *url.URL {
	relative, err := url.Parse(path)
	if err != nil {
		return &url.URL{Path: path} // has no scheme: the request fails and says so
	}
	return c.base.ResolveReference(relative)
}

func (c *Client) isRegistry(u *url.URL) bool {
	return sameOrigin(u, c.base)
}

// parseError reads the body of an error into body, or what it can of it.
func parseError(status int, text []byte, body errorBody) api.Error {
	if body.UnmarshalJSON(text) == nil {
		return body
	}
	said := strings.ToValidUTF8(string(text[:min(len(text), maxErrorText)]), "")
	if said = strings.TrimSpace(said); said == "" {
		said = http.StatusText(status)
	}
	return &api.MessageError{Code: uint16(status), Message: said}
}

// readBounded reads all of r, or as far as limit and [ErrTooLarge].
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		return text[:limit], fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return text, err
}

// transportError leaves out what net/http says of the URL: its query may hold
// the signature of a link.
func transportError(method string, u *url.URL, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return &TransportError{Method: method, URL: redacted(u), Err: err}
}

func redacted(u *url.URL) string {
	bare := *u
	bare.RawQuery, bare.User, bare.Fragment = "", nil, ""
	return bare.String()
}

// Zero errors of the APIs, for [Client.call].
func fetchError() errorBody   { return new(api.FetchError) }
func packageError() errorBody { return new(api.PackageError) }
func proofError() errorBody   { return new(api.ProofError) }
func contentError() errorBody { return new(api.ContentError) }

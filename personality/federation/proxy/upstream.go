package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

const maxErrorBody = 64 << 10

// outgoing adds to all requests for another registry, and for its content, what they have
// in common. Its token goes to the registry's own scheme, host and port alone, and nothing
// that a client sent goes anywhere.
type outgoing struct {
	next   http.RoundTripper
	origin *url.URL
	token  federation.Token
	id     string
	count  func(*http.Response, error)
}

// RoundTrip implements [http.RoundTripper].
func (o *outgoing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if o.token != "" && r.URL.Scheme == o.origin.Scheme && strings.EqualFold(r.URL.Host, o.origin.Host) {
		r.Header.Set("Authorization", "Bearer "+string(o.token))
	}
	r.Header.Set("User-Agent", userAgent)
	r.Header.Del("Referer")
	federation.SetVia(r, o.id)
	response, err := o.next.RoundTrip(r)
	o.count(response, err)
	return response, err
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (o *outgoing) CloseIdleConnections() { closeIdle(o.next) }

func closeIdle(of http.RoundTripper) {
	if c, ok := of.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// NewHTTPClient returns a client for requests to another registry, and to where it keeps its
// content, by the rules of package outbound, with answers that keep up a pace; count is told of
// each.
func NewHTTPClient(r federation.Registry, id string, count func(*http.Response, error)) (*http.Client, error) {
	base, err := url.Parse(r.URL + "/")
	if err != nil {
		return nil, fmt.Errorf("its url: %w", err)
	}
	var ports []uint16
	if port, err := strconv.ParseUint(base.Port(), 10, 16); err == nil {
		ports = append(ports, uint16(port))
	}
	o := outbound.Options{AllowPrivate: r.Own, AllowHTTP: r.Own, Private: r.PrivateHosts, Idle: idle, UserAgent: userAgent}
	if r.AllowPrivate {
		o.Private = append(slices.Clip(o.Private), outbound.HostPort(base))
	}
	transport := outbound.NewTransport(o, ports...)
	return &http.Client{Transport: &outgoing{next: paced{transport}, origin: base, token: r.Token, id: id, count: count}}, nil
}

// Outcome is what became of a request, as metrics name it.
func Outcome(response *http.Response, err error) string {
	switch {
	case err != nil:
		return "failed"
	case response.StatusCode >= 400:
		return "refused"
	}
	return "answered"
}

// upstream asks another registry. Errors are those of package client; nothing is verified.
type upstream struct {
	domain   string
	base     *url.URL // ends with a slash
	http     *http.Client
	observer Observer
}

func (u *upstream) count(response *http.Response, err error) {
	u.observer.UpstreamAsked(u.domain, Outcome(response, err))
}

// errorBody is a zero error of one of the APIs, to read a body into.
type errorBody interface {
	api.Error
	json.Unmarshaler
}

// get asks for a JSON answer.
func (u *upstream) get(ctx context.Context, path string, answer json.Unmarshaler, body errorBody) error {
	text, err := u.call(ctx, http.MethodGet, path, nil, body)
	return u.read(http.MethodGet, path, text, answer, err)
}

// post sends a JSON body and asks for a JSON answer.
func (u *upstream) post(ctx context.Context, path string, request api.Body, answer json.Unmarshaler, body errorBody) error {
	text, err := u.call(ctx, http.MethodPost, path, request.AppendJSON(nil), body)
	return u.read(http.MethodPost, path, text, answer, err)
}

func (u *upstream) read(method, path string, text []byte, answer json.Unmarshaler, err error) error {
	if err != nil {
		return err
	}
	if err := answer.UnmarshalJSON(text); err != nil {
		return u.transportError(method, path, fmt.Errorf("%w: %w", client.ErrMalformed, err))
	}
	return nil
}

// call makes a request and returns the body of its answer, if that is a success.
func (u *upstream) call(ctx context.Context, method, path string, body []byte, errorForm errorBody) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, u.transportError(method, path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	response, err := u.http.Do(request)
	if err != nil {
		return nil, u.transportError(method, path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, u.refusal(response, errorForm)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("%w: more than %d bytes", client.ErrTooLarge, maxAnswer)
	}
	if err != nil {
		return nil, u.transportError(method, path, err)
	}
	return text, nil
}

// refusal reads the body of an error into form, or what it can of it.
func (u *upstream) refusal(response *http.Response, form errorBody) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	var body api.Error = form
	if form.UnmarshalJSON(text) != nil {
		body = &api.MessageError{Code: uint16(response.StatusCode), Message: http.StatusText(response.StatusCode)}
	}
	return &client.APIError{Method: response.Request.Method, URL: redacted(response.Request.URL), Status: response.StatusCode, Body: body}
}

// transportError leaves out what net/http says of the URL: its query may hold the
// signature of a link.
func (u *upstream) transportError(method, path string, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return &client.TransportError{Method: method, URL: u.base.String() + path, Err: err}
}

func redacted(u *url.URL) string {
	short := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return short.String()
}

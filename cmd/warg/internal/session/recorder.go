package session

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Bounds of what is kept of the exchanges with a registry.
const (
	maxExchanges = 64
	maxKept      = 4 << 20  // bytes of one body
	maxKeptInAll = 16 << 20 // bytes of all of them, but for the latest exchange
)

// exchange is a request and its answer, as far as they are kept.
type exchange struct {
	Method   string `json:"method"`
	URL      string `json:"url"` // without the query, which may be secret
	Request  string `json:"request,omitempty"`
	Status   int    `json:"status"`
	Response string `json:"response,omitempty"`
	CutOff   bool   `json:"cutOff,omitempty"` // there was more of the response
}

// recorder is a transport that keeps the last exchanges with the API, as evidence. It
// keeps no header, where tokens are, and no content: JSON and notes alone.
type recorder struct {
	base http.RoundTripper

	mu  sync.Mutex
	all []*exchange // the latest last; under mu, also what they point to
}

// RoundTrip implements [http.RoundTripper].
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	e := &exchange{Method: request.Method, URL: bare(request.URL)}
	if request.Header.Get("Content-Type") == "application/json" && request.GetBody != nil {
		if body, err := request.GetBody(); err == nil {
			text, _ := io.ReadAll(io.LimitReader(body, maxKept))
			body.Close()
			e.Request = string(text)
		}
	}
	response, err := r.base.RoundTrip(request)
	if err != nil {
		return response, err
	}
	e.Status = response.StatusCode
	r.mu.Lock()
	r.all = append(r.all, e)
	r.forget()
	r.mu.Unlock()
	if kind := response.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "text/plain") {
		response.Body = &keptBody{ReadCloser: response.Body, recorder: r, exchange: e}
	}
	return response, nil
}

// forget forgets the oldest exchanges that there is no room for. Under mu.
func (r *recorder) forget() {
	size := 0
	for n := len(r.all) - 1; n >= 0; n-- {
		if size += len(r.all[n].Request) + len(r.all[n].Response); n < len(r.all)-1 && size > maxKeptInAll || len(r.all)-n > maxExchanges {
			r.all = slices.Delete(r.all, 0, n+1)
			return
		}
	}
}

// last are copies of the last exchanges.
func (r *recorder) last() []exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]exchange, len(r.all))
	for i, e := range r.all {
		all[i] = *e
	}
	return all
}

// keptBody keeps what is read of a body.
type keptBody struct {
	io.ReadCloser
	recorder *recorder
	exchange *exchange
	kept     bytes.Buffer
}

// Read implements [io.Reader].
func (b *keptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	room := min(n, maxKept-b.kept.Len())
	b.kept.Write(p[:room])
	if room < n || err != nil {
		b.recorder.mu.Lock()
		if b.exchange.CutOff = room < n; utf8.Valid(b.kept.Bytes()) {
			b.exchange.Response = b.kept.String()
		}
		b.recorder.forget()
		b.recorder.mu.Unlock()
	}
	return n, err
}

// bare is a URL without what may be secret.
func bare(u *url.URL) string {
	without := *u
	without.RawQuery, without.User, without.Fragment = "", nil, ""
	return without.String()
}

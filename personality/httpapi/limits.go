package httpapi

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Limits are what keeps the API usable under load. The zero value has none.
type Limits struct {
	Addresses limits.Addresses
	// Requests are all requests of a client, by address.
	Requests *limits.Rate[netip.Prefix]
	// Failures are the requests of a client that were wrong (status 4xx).
	Failures *limits.Rate[netip.Prefix]
	// Records are the records accepted from a key. A key that did not sign is
	// not charged: anybody can name the key of another one.
	Records *limits.Rate[protocol.KeyID]

	// Publishing, Reading and Uploading are requests that are worked on at a
	// time: while their bodies come and their answers go, they have no turn. They
	// stand apart so that none of them keeps another one out.
	Publishing, Reading, Uploading *limits.Gate
	// Uploads are uploads of content under way, whether worked on or not.
	Uploads *limits.Slots
	// Memory is what JSON bodies and the answers to all requests but for content
	// take, from the first byte that comes to the last that goes.
	Memory *limits.Budget
	// RequestTime bounds the work on one request, but for transfers of content;
	// zero: no limit.
	RequestTime time.Duration
}

// limitClients refuses the requests of clients that ask too often or are wrong
// too often. Health checks always pass.
func (h *handler) limitClients(next http.Handler) http.Handler {
	if h.Limits.Requests == nil && h.Limits.Failures == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := limits.ClientOf(r.Context())
		if !client.IsValid() || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		err := h.Limits.Failures.Check(client)
		if err == nil {
			err = h.Limits.Requests.Allow(client)
		}
		if err != nil {
			h.writeError(w, r, messageError, err)
			return
		}
		recorder := &statusRecorder{ResponseWriter: w}
		next.ServeHTTP(recorder, r)
		if recorder.status >= 400 && recorder.status < 500 && recorder.status != http.StatusTooManyRequests {
			h.Limits.Failures.Charge(client)
		}
	})
}

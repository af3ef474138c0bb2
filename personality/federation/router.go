package federation

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// Router finds who answers for a registry. Safe for concurrent use once all are added.
type Router struct {
	*Hints
	id   string
	self map[string]bool
	// others are the handlers of the whole API of each registry, by domain.
	others map[string]http.Handler
}

// NewRouter returns a router of the registry with an [ID] and domains. It answers for no
// other registry yet.
func NewRouter(id string, hints *Hints, own ...string) *Router {
	r := &Router{Hints: hints, id: id, self: map[string]bool{}, others: map[string]http.Handler{}}
	for _, domain := range own {
		if domain != "" {
			r.self[strings.ToLower(domain)] = true
		}
	}
	return r
}

// Add lets a handler answer for a registry, whose packages have hints then.
func (r *Router) Add(domain string, h http.Handler, names NameSource) {
	r.others[strings.ToLower(domain)] = h
	r.Hints.Add(domain, names)
}

// For returns the handler that answers a request on behalf of the registry with a domain;
// nil if that is this registry. Errors are [*api.MessageError]: a domain that is not
// configured (404, or 501 as the reference answers if none is), and a request that came
// through this registry already (508).
func (r *Router) For(request *http.Request, domain string) (http.Handler, error) {
	key := strings.ToLower(domain)
	if r.self[key] || key == strings.ToLower(request.Host) && r.others[key] == nil {
		return nil, nil
	}
	h, known := r.others[key]
	if !known {
		return nil, r.unknown(domain)
	}
	if looped(request, r.id) {
		return nil, &api.MessageError{Code: http.StatusLoopDetected, Message: fmt.Sprintf(
			"the request for registry `%s` came through this registry already, or through too many others: registries name each other in a circle, which their operators have to break", domain)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		h.ServeHTTP(w, request.WithContext(withVia(request)))
	}), nil
}

func (r *Router) unknown(domain string) error {
	if len(r.others) == 0 {
		return &api.MessageError{Code: http.StatusNotImplemented, Message: "`Warg-Registry` header is not supported"}
	}
	var known []string
	for other := range r.others {
		known = append(known, other)
	}
	slices.Sort(known)
	return &api.MessageError{Code: http.StatusNotFound, Message: fmt.Sprintf(
		"this registry does not answer for registry `%s`, but for itself and %s; ask that registry itself, or ask the operator of this one to add it", domain, strings.Join(known, ", "))}
}

package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// Private makes a registry private: its API and content are only for bearers
// of tokens. The health checks and the well-known document stay open.
type Private struct {
	Tokens *access.Tokens
	Links  *access.Links
}

// permit serves only those who have the permission, by their token or by a link
// that the bearer of one was given.
func (h *handler) permit(need access.Permission, serve serveFunc) serveFunc {
	if h.Private == nil {
		return serve
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		text, given := bearerToken(r)
		var holder access.Token
		if given {
			holder, _ = h.Private.Tokens.Find(text)
		}
		if linked, ok := h.Private.Links.Holder(linkMethod(r.Method), r.URL.Path, r.URL.Query(), h.Private.Tokens); ok {
			if linked.Permission > holder.Permission {
				holder = linked
			}
			r = withoutLink(r)
		}
		switch {
		case holder.Permission >= need:
			return serve(w, r.WithContext(context.WithValue(r.Context(), holderKey{}, holder)))
		case holder.Permission != access.None:
			return &api.MessageError{Code: 403, Message: "the auth token does not allow to publish"}
		case given:
			w.Header().Set("WWW-Authenticate", `Bearer realm="warg", error="invalid_token"`)
			return &api.MessageError{Code: 401, Message: "this registry does not know the auth token; ask its operator for one and use `warg login`"}
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="warg"`)
		return &api.MessageError{Code: 401, Message: "this registry is private; use `warg login` with an auth token of its operator"}
	}
}

// withoutLink is a request without the parameters that made it a link: a path may know
// which it takes.
func withoutLink(r *http.Request) *http.Request {
	r = r.WithContext(r.Context())
	u, query := *r.URL, r.URL.Query()
	access.Unlink(query)
	u.RawQuery = query.Encode()
	r.URL = &u
	return r
}

type holderKey struct{} // in the context of a permitted request: its [access.Token]

// bearerToken reads the token of a request (RFC 6750, section 2.1).
func bearerToken(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// link makes a path, without a slash in front, a link if this registry is private
// and the client may do itself what the path needs. The link is worth what the
// client's token is worth when it is followed.
func (h *handler) link(r *http.Request, need access.Permission, method, path string) string {
	holder, ok := r.Context().Value(holderKey{}).(access.Token)
	if h.Private == nil || !ok || holder.Permission < need {
		return path
	}
	return path + "?" + h.Private.Links.Sign(method, "/"+path, holder)
}

// linkMethod lets a link to GET something serve for HEAD, too.
func linkMethod(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

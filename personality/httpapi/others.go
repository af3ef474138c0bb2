package httpapi

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Others are the registries that this one answers for, beside itself.
type Others interface {
	// For returns the handler of the API of the registry with a domain, such as one that
	// [New] made; nil if that is this registry. Errors are the API's.
	For(r *http.Request, domain string) (http.Handler, error)
	// Hint returns where the package with a log id is that this registry does not have, in
	// the form of the header Warg-Registry-Hint, NAMESPACE=DOMAIN; "" if that is not
	// known for certain. (The official client asks forever if it is wrong.)
	Hint(ctx context.Context, logID protocol.Hash) string
	// ForName is Hint for a package that a request names.
	ForName(ctx context.Context, name protocol.PackageName) string
}

// OthersPath is below which, by their domains, other registries have their whole API:
// that of one is at OthersPath + domain + "/".
const OthersPath = "registries/"

// thisRegistry passes on requests that are about another registry, by the header
// Warg-Registry. Like the reference, it takes any such header for that: clients send it
// for nothing else.
func (h *handler) thisRegistry(next serveFunc) serveFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		// Index by the canonical form of api.RegistryHeader.
		values := r.Header["Warg-Registry"]
		if len(values) == 0 {
			return next(w, r)
		}
		if len(values) > 1 { // a server in front might have looked at another one
			return &api.MessageError{Code: 400, Message: "there is more than one `Warg-Registry` header"}
		}
		if !isAuthority(values[0]) {
			return &api.MessageError{Code: 400, Message: "`Warg-Registry` header is not a valid Authority URI"}
		}
		if h.Others == nil {
			return &api.MessageError{Code: 501, Message: "`Warg-Registry` header is not supported"}
		}
		other, err := h.Others.For(r, values[0])
		if err != nil {
			return err
		}
		if other == nil {
			return next(w, r)
		}
		passed := r.WithContext(r.Context())
		passed.Header = maps.Clone(r.Header)
		passed.Header.Del(api.RegistryHeader)
		other.ServeHTTP(w, passed)
		return nil
	}
}

// otherAtPath serves the API of another registry below a path that names it. The handler
// of that one sees to who may use it.
func (h *handler) otherAtPath(w http.ResponseWriter, r *http.Request) error {
	domain := r.PathValue("domain")
	var wrong *api.MessageError
	other, err := h.Others.For(r, domain)
	if errors.As(err, &wrong) && wrong.Code == http.StatusLoopDetected {
		return err
	}
	if err != nil || other == nil {
		return notFound(w, r)
	}
	passed := r.WithContext(r.Context())
	passed.URL = new(url.URL)
	*passed.URL = *r.URL
	passed.URL.Path, passed.URL.RawPath = strings.TrimPrefix(r.URL.Path, "/"+OthersPath+domain), ""
	other.ServeHTTP(w, passed)
	return nil
}

// isAuthority reports whether s is the authority part of a URI: a host, perhaps
// with user and port.
func isAuthority(s string) bool {
	u, err := url.Parse("//" + s)
	return err == nil && u.Host != "" && u.Path == "" && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// hintedError is about a log that is not here, and says where it is.
type hintedError struct {
	error
	hint string
}

// Unwrap returns the error itself.
func (e *hintedError) Unwrap() error { return e.error }

// withHint adds to an error about a log that is not here where it is, if that is known.
func (h *handler) withHint(ctx context.Context, err error) error {
	missing, ok := is[*registry.LogNotFoundError](err)
	if !ok {
		return err
	}
	return h.withLogHint(ctx, missing.LogID.Any(), err)
}

// withLogHint is withHint for a log that an error is known to be about.
func (h *handler) withLogHint(ctx context.Context, anyID protocol.AnyHash, err error) error {
	logID, malformed := anyID.Hash()
	if h.Others == nil || malformed != nil {
		return err
	}
	return hinted(err, h.Others.Hint(ctx, logID))
}

// withImport is withHint for a package that is named, and refused as another registry's.
func (h *handler) withImport(ctx context.Context, name protocol.PackageName, err error) error {
	if h.Others == nil || !has[*registry.NamespaceImportedError](err) {
		return err
	}
	return hinted(err, h.Others.ForName(ctx, name))
}

// withNamedHint is withHint for a package that a path names, and that is not here.
func (h *handler) withNamedHint(r *http.Request, err error) error {
	name, malformed := protocol.ParsePackageName(r.PathValue("name"))
	if missing := discoveryError(err); h.Others == nil || malformed != nil || missing == nil || missing.Status() != http.StatusNotFound {
		return err
	}
	return hinted(err, h.Others.ForName(r.Context(), name))
}

func hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hintedError{err, hint}
}

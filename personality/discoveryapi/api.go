package discoveryapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	index "github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Index is what is asked of the index. Its errors are those of package discovery.
type Index interface {
	Search(ctx context.Context, q discovery.Query) (discovery.Page, error)
	Facets(ctx context.Context, q discovery.Query) (discovery.Facets, error)
	Package(ctx context.Context, name string) (discovery.Package, error)
	Release(ctx context.Context, name, version string) (discovery.Release, error)
	WIT(ctx context.Context, name, version string) (discovery.WIT, error)
	Dependents(ctx context.Context, name, page string) (discovery.Page, error)
	Interface(ctx context.Context, name, page string) (discovery.Interface, error)
	Key(ctx context.Context, id protocol.KeyID) (discovery.Key, error)
	Log(ctx context.Context, name string, from uint64) (events []discovery.Event, next uint64, err error)
	Status(ctx context.Context) (discovery.Status, error)
	// Tag changes whenever an answer may.
	Tag() string
}

// Pages knows where the pages for people are: paths below the URL of the registry, each
// with a slash in front.
type Pages interface {
	// ReleasePage is the page of a release.
	ReleasePage(name, version string) string
	// ListPage is a page that has the releases of a namespace, of a package or of those
	// that export an interface. At most one is named; without, it has all.
	ListPage(namespace, pkg, iface string) string
}

// API answers requests.
type API struct {
	index Index
	pages Pages
}

// New returns the API over an index, of a registry with pages or without: nil.
func New(x Index, pages Pages) *API { return &API{x, pages} }

// Answer is what a request is answered with, by status 200.
type Answer struct {
	ContentType string
	Body        []byte
}

// Route is a path of the API, as [http.ServeMux] takes it, without the slash in front, and
// who answers GET there. base is the URL of the registry, without a slash at its end.
type Route struct {
	Path  string
	Serve func(r *http.Request, base string) (Answer, error)
	// Located: the answer has URLs that begin with base.
	Located bool
}

// Routes are all paths of the API.
func (a *API) Routes() []Route {
	const pkg, release = discovery.PackagesPath + "/{name}", discovery.PackagesPath + "/{name}/{version}"
	return []Route{
		{Path: discovery.PackagesPath, Serve: a.packages},
		{Path: pkg, Serve: a.pkg},
		{Path: pkg + "/dependents", Serve: a.dependents},
		{Path: pkg + "/log", Serve: a.log},
		{Path: release, Serve: a.release},
		{Path: release + "/wit", Serve: a.wit},
		{Path: release + "/sbom", Serve: a.sbom},
		{Path: discovery.InterfacesPath, Serve: a.iface},
		{Path: discovery.KeysPath + "/{id}", Serve: a.key},
		{Path: discovery.FacetsPath, Serve: a.facets},
		{Path: discovery.StatusPath, Serve: a.status},
		{Path: discovery.AtomPath, Serve: a.atom, Located: true},
		{Path: discovery.JSONFeedPath, Serve: a.jsonFeed, Located: true},
		{Path: discovery.OpenAPIPath, Serve: a.openAPI},
	}
}

// Tag changes whenever an answer may.
func (a *API) Tag() string { return a.index.Tag() }

// Problem is what an error means to a client.
type Problem struct {
	Status  int
	Message string
}

func (p *Problem) Error() string { return p.Message }

// ProblemOf returns what an error of a route means; nil if it is none of the API.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, index.ErrBadQuery):
		return &Problem{http.StatusBadRequest, err.Error()}
	case errors.Is(err, index.ErrNotFound):
		return &Problem{http.StatusNotFound, "the index of packages has nothing by that name"}
	case errors.Is(err, index.ErrUnavailable):
		return &Problem{http.StatusServiceUnavailable, index.ErrUnavailable.Error()}
	}
	return nil
}

// IsUnavailable reports whether an error is that the index can not be used now.
func IsUnavailable(err error) bool { return errors.Is(err, index.ErrUnavailable) }

func badRequest(err error) error { return &Problem{http.StatusBadRequest, err.Error()} }

const jsonType = "application/json"

func jsonAnswer(v any, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	body, err := json.Marshal(v)
	return Answer{ContentType: jsonType, Body: body}, err
}

// values are the parameters of a request.
func values(r *http.Request) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest(fmt.Errorf("the query of the URL can not be read: %w", err))
	}
	return v, nil
}

// only returns the parameters of a request that takes no others than some, each once.
func only(r *http.Request, names ...string) (url.Values, error) {
	v, err := values(r)
	if err != nil {
		return nil, err
	}
	for name, given := range v {
		switch {
		case !slices.Contains(names, name):
			return nil, badRequest(fmt.Errorf("there is no parameter %.100q", name))
		case len(given) > 1:
			return nil, badRequest(fmt.Errorf("the parameter %s is given %d times", name, len(given)))
		}
	}
	return v, nil
}

func query(r *http.Request, without ...string) (q discovery.Query, err error) {
	v, err := values(r)
	if err != nil {
		return q, err
	}
	for _, name := range without {
		if v.Has(name) {
			return q, badRequest(fmt.Errorf("there is no parameter %q here", name))
		}
	}
	if q, err = discovery.ParseQuery(v); err != nil {
		return q, badRequest(err)
	}
	return q, nil
}

func (a *API) packages(r *http.Request, _ string) (Answer, error) {
	q, err := query(r)
	if err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Search(r.Context(), q))
}

func (a *API) facets(r *http.Request, _ string) (Answer, error) {
	q, err := query(r, "page", "limit", "sort")
	if err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Facets(r.Context(), q))
}

func (a *API) pkg(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Package(r.Context(), r.PathValue("name")))
}

func (a *API) release(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Release(r.Context(), r.PathValue("name"), r.PathValue("version")))
}

func (a *API) wit(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.WIT(r.Context(), r.PathValue("name"), r.PathValue("version")))
}

func (a *API) dependents(r *http.Request, _ string) (Answer, error) {
	v, err := only(r, "page")
	if err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Dependents(r.Context(), r.PathValue("name"), v.Get("page")))
}

func (a *API) log(r *http.Request, _ string) (Answer, error) {
	v, err := only(r, "from")
	if err != nil {
		return Answer{}, err
	}
	var from uint64
	if text := v.Get("from"); text != "" {
		if from, err = strconv.ParseUint(text, 10, 62); err != nil {
			return Answer{}, badRequest(fmt.Errorf("from: %.100q is not a place in the log: take next of the page before", text))
		}
	}
	var log discovery.Log
	log.Events, log.Next, err = a.index.Log(r.Context(), r.PathValue("name"), from)
	return jsonAnswer(log, err)
}

func (a *API) iface(r *http.Request, _ string) (Answer, error) {
	v, err := only(r, "name", "page")
	if err != nil {
		return Answer{}, err
	}
	if v.Get("name") == "" {
		return Answer{}, badRequest(errors.New("name is missing: an interface, such as wasi:http/incoming-handler"))
	}
	return jsonAnswer(a.index.Interface(r.Context(), v.Get("name"), v.Get("page")))
}

func (a *API) key(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Key(r.Context(), protocol.KeyID(r.PathValue("id"))))
}

func (a *API) status(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return jsonAnswer(a.index.Status(r.Context()))
}

//go:embed openapi.json
var openAPI []byte

func (a *API) openAPI(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	return Answer{ContentType: jsonType, Body: openAPI}, nil
}

package web

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/precondition"
)

// MaxPage is the size in bytes of the largest page.
const MaxPage = 100 << 10

// Options of [New].
type Options struct {
	Index  Index
	Log    Log
	Access Access // nil: the registry is public
	Policy Policy // nil: nobody cosigns
	// BaseURL is where clients reach this registry, if not as requests' Host header says.
	BaseURL string
	Now     func() time.Time // nil: [time.Now]
}

// Site makes the pages of a registry. Safe for concurrent use.
type Site struct {
	Options
	prefix    string // of the path of all links; no slash at the end
	mux       *http.ServeMux
	tags      map[string]string             // of files, by their names
	templates map[string]*template.Template // by the name of the page
	growth    growth
}

// New returns the pages.
func New(o Options) *Site {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Site{Options: o, mux: http.NewServeMux()}
	if base, err := url.Parse(o.BaseURL); err == nil {
		s.prefix = strings.TrimRight(base.EscapedPath(), "/")
	}
	s.tags = tagsOf()
	s.templates = s.parse()
	for pattern, page := range map[string]pageFunc{
		"/{$}":                              s.home,
		"/search":                           s.search,
		"/packages/{name}":                  s.pkg,
		"/packages/{name}/log":              s.timeline,
		"/packages/{name}/dependents":       s.dependents,
		"/packages/{name}/{version}":        s.release,
		"/packages/{name}/{version}/wit":    s.wit,
		"/packages/{name}/{version}/{list}": s.list,
		"/interfaces":                       s.iface,
		"/keys/{id}":                        s.key,
		"/checkpoints":                      s.checkpoints,
		"/docs":                             s.docs,
		verifyPath:                          s.verify,
		"/":                                 s.unknown,
	} {
		s.mux.Handle("GET "+pattern, s.page(page))
	}
	s.mux.Handle("GET "+StaticPath, s.files(Static()))
	s.mux.Handle("POST "+signInPath, http.HandlerFunc(s.signIn))
	s.mux.Handle("POST "+signOutPath, http.HandlerFunc(s.signOut))
	return s
}

// Client is what is known of who asks, beside the request.
type Client struct {
	// URL is the address by which it reached this server, without a slash at the end.
	URL string
	// HTTPS: it came by TLS, to this server or to the proxies before it.
	HTTPS bool
	// Body is the body of its request.
	Body []byte
}

// Answer is an answer to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Answer answers a request that [Site.IsPage] says is for a page, or [IsForm] says is a
// form. An error is one of the index, of the reader or a *[Problem]; what it means to a
// reader is for [Site.Problem].
func (s *Site) Answer(r *http.Request, c Client) (Answer, error) {
	if s.prefix == "" {
		c.URL = cmp.Or(strings.TrimRight(s.BaseURL, "/"), c.URL)
	} else {
		c.URL = strings.TrimRight(s.BaseURL, "/")
	}
	w := &memory{header: http.Header{}}
	visited := r.WithContext(context.WithValue(r.Context(), visitKey{}, s.visit(r, c)))
	if r.Method == http.MethodHead { // whoever sends the answer leaves out the body
		visited.Method = http.MethodGet
	}
	s.mux.ServeHTTP(w, visited)
	return Answer{cmp.Or(w.status, http.StatusOK), w.header, w.body}, w.err
}

// memory is an answer that is held until it is whole.
type memory struct {
	header http.Header
	status int
	body   []byte
	err    error // instead of all that
}

func (m *memory) Header() http.Header { return m.header }

func (m *memory) WriteHeader(status int) { m.status = cmp.Or(m.status, status) }

func (m *memory) Write(b []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	m.body = append(m.body, b...)
	return len(b), nil
}

// fail makes err the answer of a handler of this package.
func fail(w http.ResponseWriter, err error) { w.(*memory).err = err }

// visit is a request by a client whose rights are known.
type visit struct {
	client Client
	// mayRead: the registry is public, or the client has signed in.
	mayRead bool
	signed  bool // it has signed in
	// link makes a path of the API one that the client's browser can follow.
	link func(path string) string
}

type visitKey struct{} // in the context of a request: its *visit

func visitOf(r *http.Request) *visit { return r.Context().Value(visitKey{}).(*visit) }

// pageFunc makes a page.
type pageFunc func(r *http.Request, v *visit) (page, error)

// page is what a template makes a page of.
type page struct {
	template string // its name
	title    string
	data     any
	status   int    // 0: 200
	search   string // what the search field holds
	// feed has the parameters of the feed of what is on it, each a name and a value; nil:
	// there is none.
	feed []string
}

// page serves what a pageFunc makes, to those who may read.
func (s *Site) page(make pageFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r)
		if !v.mayRead && r.URL.Path != verifyPath {
			fail(w, errPrivate)
			return
		}
		made, err := make(r, v)
		if err != nil {
			fail(w, err)
			return
		}
		body, err := s.render(made, r, v)
		if err != nil {
			fail(w, err)
			return
		}
		s.setHeader(w.Header())
		s.setCaching(w.Header(), body)
		status := cmp.Or(made.status, http.StatusOK)
		if status == http.StatusOK {
			status = precondition.Read(r.Header, w.Header().Get("ETag")).Status()
		}
		w.WriteHeader(status)
		if status == http.StatusNotModified || status == http.StatusPreconditionFailed {
			return
		}
		w.Write(body)
	})
}

func (s *Site) unknown(*http.Request, *visit) (page, error) {
	return page{}, &Problem{http.StatusNotFound, "There is no page at this address."}
}

// Problem is an error that a reader is told.
type Problem struct {
	Status  int
	Message string // a sentence
}

func (p *Problem) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Message) }

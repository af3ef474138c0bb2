package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// searchParams are the parameters of a search, by the names that the API gives them.
// Pages link to each other with these.
var searchParams = []string{"search", "namespace", "package", "kind", "license", "exports", "imports", "digest", "versions", "pre-release", "include", "sort"}

// maxSearch bounds what a search asks for, in bytes: it is part of each link on the page.
const maxSearch = 300

type searchView struct {
	Query  discovery.Query
	Found  discovery.Page
	Chosen []choice // what narrows the search, to be taken away again
	Groups []group
	Sorts  []choice
	Next   string // address of the next page
	First  string // address of the first page; "" on it
}

// choice is a link to another search.
type choice struct {
	Label string
	Value string // bidirectional text, from packages
	URL   string
	Count int64
	Now   bool // it is in force
}

// group are choices of one kind.
type group struct {
	Name    string
	Choices []choice
}

func (s *Site) search(r *http.Request, v *visit) (page, error) {
	given := map[string]string{}
	length := 0
	for _, name := range searchParams {
		if value := r.URL.Query().Get(name); value != "" {
			given[name] = value
			length += len(value)
		}
	}
	if length > maxSearch {
		return page{}, &Problem{http.StatusBadRequest, "The search is too long. Look for fewer things at a time."}
	}
	q := discovery.Query{
		Search: given["search"], Namespace: given["namespace"], Package: given["package"], Kind: given["kind"], License: given["license"],
		Imports: commas(given["imports"]), Exports: commas(given["exports"]), Digest: given["digest"],
		Versions: given["versions"], PreRelease: given["pre-release"] != "",
		Yanked: strings.Contains(given["include"], "yanked"), Withheld: strings.Contains(given["include"], "withheld"),
		Sort: given["sort"], Page: r.URL.Query().Get("page"),
	}
	found, facets, err := s.find(r.Context(), q)
	if err != nil {
		return page{}, err
	}
	view := searchView{Query: q, Found: found, Chosen: s.chosen(given), Groups: s.groups(given, facets), Sorts: s.sorts(given, q)}
	if found.Next != "" {
		view.Next = s.searchURL(given, "page", found.Next)
	}
	if q.Page != "" {
		view.First = s.searchURL(given, "", "")
	}
	title := "All packages"
	if q.Search != "" {
		title = line(q.Search, 60)
	}
	return page{template: "search", title: title, data: view, search: q.Search}, nil
}

// find searches, and counts at the same time how the search can be narrowed: each takes
// about as long as the other.
func (s *Site) find(ctx context.Context, q discovery.Query) (found discovery.Page, facets discovery.Facets, err error) {
	ctx, stop := context.WithCancel(ctx)
	counted := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // it would end the process: nobody recovers in this goroutine
				counted <- fmt.Errorf("panic while counting what is in a search: %v\n%s", p, debug.Stack())
			}
		}()
		var err error
		facets, err = s.Index.Facets(ctx, q)
		counted <- err
	}()
	found, err = s.Index.Search(ctx, q)
	if err != nil {
		stop() // the other one is waited for all the same: it must not outlive the request's turn
	}
	err = cmp.Or(err, <-counted)
	stop()
	trimFacets(&facets)
	return found, facets, err
}

func commas(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// searchURL is the address of a search with one parameter changed, of the first page
// unless that is what changes.
func (s *Site) searchURL(given map[string]string, name, value string) string {
	var pairs []string
	for _, known := range searchParams {
		if known != name {
			pairs = append(pairs, known, given[known])
		}
	}
	if name != "" {
		pairs = append(pairs, name, value)
	}
	return s.to("/search", pairs...)
}

var paramNames = map[string]string{
	"namespace": "Namespace", "package": "Package", "kind": "Kind", "license": "Licence", "exports": "Exports", "imports": "Imports", "digest": "Content",
	"versions": "Versions", "pre-release": "Pre-releases", "include": "Also",
}

func (s *Site) chosen(given map[string]string) (chosen []choice) {
	for _, name := range searchParams {
		if label := paramNames[name]; label != "" && given[name] != "" {
			chosen = append(chosen, choice{Label: label, Value: given[name], URL: s.searchURL(given, name, ""), Now: true})
		}
	}
	return chosen
}

// groups are the values by which a search can be narrowed. What narrows it already is
// among the chosen.
func (s *Site) groups(given map[string]string, f discovery.Facets) []group {
	var groups []group
	for _, one := range []struct {
		param  string
		facets []discovery.Facet
	}{{"kind", f.Kinds}, {"license", f.Licenses}, {"exports", f.Exports}, {"imports", f.Imports}, {"namespace", f.Namespaces}} {
		if given[one.param] != "" || len(one.facets) == 0 {
			continue
		}
		g := group{Name: paramNames[one.param]}
		for _, facet := range one.facets {
			c := choice{Value: facet.Value, Count: facet.Count, URL: s.searchURL(given, one.param, facet.Value)}
			if one.param == "kind" && kinds[facet.Value] != "" {
				c.Value = kinds[facet.Value]
			}
			g.Choices = append(g.Choices, c)
		}
		groups = append(groups, g)
	}
	also := group{Name: "Also show"}
	if given["pre-release"] == "" {
		also.Choices = append(also.Choices, choice{Value: "pre-releases", URL: s.searchURL(given, "pre-release", "true")})
	}
	if given["include"] == "" {
		also.Choices = append(also.Choices, choice{Value: "yanked and withheld", URL: s.searchURL(given, "include", "yanked,withheld")})
	}
	if len(also.Choices) > 0 {
		groups = append(groups, also)
	}
	return groups
}

func (s *Site) sorts(given map[string]string, q discovery.Query) []choice {
	now := q.Sort
	if now == "" {
		now = discovery.SortName
		if q.Search != "" {
			now = discovery.SortRank
		}
	}
	var sorts []choice
	for _, c := range []choice{{Label: "Best match", Value: discovery.SortRank}, {Label: "Newest", Value: discovery.SortNewest}, {Label: "Name", Value: discovery.SortName}} {
		if c.Value == discovery.SortRank && q.Search == "" {
			continue
		}
		c.URL, c.Now = s.searchURL(given, "sort", c.Value), c.Value == now
		sorts = append(sorts, c)
	}
	return slices.Clip(sorts)
}

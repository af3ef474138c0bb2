package web

import (
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type packageView struct {
	discovery.Package
	Shown   []discovery.Summary // of its releases
	Held    []discovery.Held    // of its keys
	Install []command
}

// pkg is the page of a package.
func (s *Site) pkg(r *http.Request, v *visit) (page, error) {
	name, err := packageName(r)
	if err != nil {
		return page{}, err
	}
	p, err := s.Index.Package(r.Context(), name)
	if err != nil {
		return page{}, err
	}
	view := packageView{
		Package: p, Shown: p.Releases[:min(len(p.Releases), releasesShown)], Held: p.Keys[:min(len(p.Keys), keysShown)],
	}
	if p.Latest != nil {
		view.Install = install(v.client.URL, name, p.Latest.Version)
	}
	return page{template: "package", title: name, data: view, feed: []string{"package", name}}, nil
}

// packageName reads the name of a package from the path.
func packageName(r *http.Request) (string, error) {
	name, err := protocol.ParsePackageName(r.PathValue("name"))
	if err != nil {
		return "", &Problem{http.StatusNotFound, "That is not the name of a package; names look like namespace:name."}
	}
	return name.String(), nil
}

type dependentsView struct {
	Name  string
	Found discovery.Page
	Next  string
	First string
}

// dependents is who depends on a package.
func (s *Site) dependents(r *http.Request, _ *visit) (page, error) {
	name, err := packageName(r)
	if err != nil {
		return page{}, err
	}
	at := r.URL.Query().Get("page")
	found, err := s.Index.Dependents(r.Context(), name, at)
	if err != nil {
		return page{}, err
	}
	view := dependentsView{Name: name, Found: found}
	base := "/packages/" + name + "/dependents"
	if found.Next != "" {
		view.Next = s.to(base, "page", found.Next)
	}
	if at != "" {
		view.First = s.to(base)
	}
	return page{template: "dependents", title: "Dependents of " + name, data: view}, nil
}

// number reads a number from the query; 0 if it is not there.
func number(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		return 0, &Problem{http.StatusBadRequest, "In the address, " + name + " is not a number."}
	}
	return n, nil
}

type timelineView struct {
	Name    string
	Records []record
	Left    int // entries that are not shown
	Next    string
	From    uint64
}

// record is a record of a package's log with what it did.
type record struct {
	discovery.Change
	Entries []discovery.Event
}

// timeline is who did what in a package, and when.
func (s *Site) timeline(r *http.Request, _ *visit) (page, error) {
	name, err := packageName(r)
	if err != nil {
		return page{}, err
	}
	from, err := number(r, "from")
	if err != nil {
		return page{}, err
	}
	events, next, err := s.Index.Log(r.Context(), name, from)
	if err != nil {
		return page{}, err
	}
	view := timelineView{Name: name, From: from}
	if len(events) > listShown {
		view.Left, events = len(events)-listShown, events[:listShown]
	}
	for _, e := range events {
		if n := len(view.Records); n == 0 || view.Records[n-1].Record != e.Record {
			view.Records = append(view.Records, record{Change: e.Change})
		}
		last := &view.Records[len(view.Records)-1]
		last.Entries = append(last.Entries, e)
	}
	if next != 0 {
		view.Next = s.to("/packages/"+name+"/log", "from", strconv.FormatUint(next, 10))
	}
	return page{template: "timeline", title: "Log of " + name, data: view}, nil
}

package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// How many of each a page shows, before it names another one with the rest.
const (
	newestShown   = 10
	facetsShown   = 8
	releasesShown = 30
	keysShown     = 20
	externsShown  = 40
	listShown     = 100
	eventsShown   = 50
)

type homeView struct {
	Status     discovery.Status
	Checkpoint *protocol.TimestampedCheckpoint // nil before the first
	Time       time.Time                       // of the checkpoint
	Witnesses  int                             // that are asked to cosign
	Cosigned   int                             // that have cosigned the newest note
	Newest     []discovery.Summary
	Facets     discovery.Facets
	URL        string
}

func (s *Site) home(r *http.Request, v *visit) (page, error) {
	ctx := r.Context()
	view := homeView{URL: v.client.URL}
	var err error
	if view.Status, err = s.Index.Status(ctx); err != nil {
		return page{}, err
	}
	newest, err := s.Index.Search(ctx, discovery.Query{Sort: discovery.SortNewest, Limit: newestShown})
	if err != nil {
		return page{}, err
	}
	view.Newest = newest.Items
	if view.Facets, err = s.Index.Facets(ctx, discovery.Query{}); err != nil {
		return page{}, err
	}
	trimFacets(&view.Facets)
	if view.Checkpoint, err = s.latest(ctx); err != nil {
		return page{}, err
	}
	if view.Checkpoint != nil {
		view.Time = time.Unix(int64(view.Checkpoint.Timestamp), 0)
	}
	notes, err := s.notes(ctx)
	if err != nil {
		return page{}, err
	}
	for _, w := range notes[0].Witnesses {
		view.Witnesses++
		if w.Signed {
			view.Cosigned++
		}
	}
	return page{template: "home", data: view, feed: []string{}}, nil
}

// trimFacets leaves the values that a page shows: of each, the most frequent that a search
// takes.
func trimFacets(f *discovery.Facets) {
	for _, list := range []*[]discovery.Facet{&f.Kinds, &f.Licenses, &f.Namespaces, &f.Exports, &f.Imports} {
		names := list == &f.Exports || list == &f.Imports
		var some []discovery.Facet
		for _, facet := range *list {
			if facet.Value != "" && len(facet.Value) <= maxLinked/2 && (!names || isAskable(facet.Value)) && len(some) < facetsShown {
				some = append(some, facet)
			}
		}
		*list = some
	}
}

// isAskable reports whether a search takes a name for an import or export: some are a
// dependency with a version, "unlocked-dep=<a:b@{>=1.0.0}>", or no ASCII text.
func isAskable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == ',' || r == '@' })
}

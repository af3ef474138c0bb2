package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type interfaceView struct {
	discovery.Interface
	Versions   []amount
	MoreAmount int // versions that are not shown
	Next       string
	First      string
}

// amount is how many packages use a version of an interface, as bars of a chart.
type amount struct {
	discovery.InterfaceAmount
	ExportBar, ImportBar int // of 100
}

// iface is who defines, exports and imports an interface.
func (s *Site) iface(r *http.Request, _ *visit) (page, error) {
	// Who types a name takes it from WIT, where it has a version.
	name, _, _ := strings.Cut(strings.TrimSpace(r.URL.Query().Get("name")), "@")
	if s.interfaceURL(name) == "" {
		return page{}, &Problem{http.StatusBadRequest, "That is not the name of an interface; names look like wasi:http/types."}
	}
	switch known, err := s.Index.Known(r.Context(), []string{name}); {
	case err != nil:
		return page{}, err
	case !known[name]:
		return s.nobodys(name), nil
	}
	at := r.URL.Query().Get("page")
	found, err := s.Index.Interface(r.Context(), name, at)
	if err != nil {
		return page{}, err
	}
	view := interfaceView{Interface: found}
	view.Interface.Defined = found.Defined[:min(len(found.Defined), newestShown)]
	most := int64(1)
	for _, v := range found.Versions {
		most = max(most, v.Exports, v.Imports)
	}
	for _, v := range found.Versions[:min(len(found.Versions), releasesShown)] {
		view.Versions = append(view.Versions, amount{v, int(100 * v.Exports / most), int(100 * v.Imports / most)})
	}
	view.MoreAmount = len(found.Versions) - len(view.Versions)
	if next := found.Exported.Next; next != "" {
		view.Next = s.to("/interfaces", "name", name, "page", next)
	} else if next := found.Imported.Next; next != "" {
		view.Next = s.to("/interfaces", "name", name, "page", next)
	}
	if at != "" {
		view.First = s.to("/interfaces", "name", name)
	}
	return page{template: "interface", title: name, data: view, feed: []string{"interface", name}}, nil
}

// nobodysView is an interface that the registry has nothing of.
type nobodysView struct {
	Name    string
	Package string // that would define it
	Last    string // the part of its name behind that
}

// nobodys says of an interface that nobody defines, exports or imports it, and where to
// look on. As a search that finds nothing, it is no error.
func (s *Site) nobodys(name string) page {
	definer, last, _ := strings.Cut(name, "/")
	return page{template: "nobodys", title: name, data: nobodysView{name, definer, last}}
}

type keyView struct {
	discovery.Key
	Shown []discovery.KeyPackage
	Next  string
	First string
}

// key is what a key may do, and what it did.
func (s *Site) key(r *http.Request, _ *visit) (page, error) {
	hash, err := protocol.ParseHash(r.PathValue("id"))
	if err != nil {
		return page{}, &Problem{http.StatusNotFound, "That is not the id of a key; ids look like sha256: and 64 hexadecimal digits."}
	}
	from, err := number(r, "from")
	if err != nil {
		return page{}, err
	}
	id := protocol.KeyID(hash.String())
	found, err := s.Index.Key(r.Context(), id)
	if err != nil {
		return page{}, err
	}
	begin := int(min(from, uint64(len(found.Packages))))
	end := min(begin+eventsShown, len(found.Packages))
	view := keyView{Key: found, Shown: found.Packages[begin:end]}
	if end < len(found.Packages) {
		view.Next = s.to("/keys/"+string(id), "from", strconv.Itoa(end))
	}
	if begin > 0 {
		view.First = s.to("/keys/" + string(id))
	}
	return page{template: "key", title: "Key " + short(id), data: view}, nil
}

package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type releaseView struct {
	discovery.Release
	Kind         string    // in words
	Install      []command // none: its content is withheld
	Imports      externs
	Exports      externs
	Dependencies []discovery.Dependency // some
	Custom       []discovery.Section    // some
	Parts        []part                 // of its size
	WIT          *witPart               // nil: it has none that can be shown
	WITProblem   string

	Download, SBOM, Proof, Verify string // addresses
}

// externs are some imports or exports.
type externs struct {
	Total int64
	Items []extern
	More  string // address of the page with all; "" if these are all
}

// extern is an import or export.
type extern struct {
	discovery.Extern
	Interface string // address of its interface's page; "" if it has none
	Package   string // name of the package that defines it; "" if that is not in this registry
}

const dependenciesShown, sectionsShown, needsShown = 24, 12, 20

// release is the page of a release, and of what is in it.
func (s *Site) release(r *http.Request, v *visit) (page, error) {
	name, version, err := releaseName(r)
	if err != nil {
		return page{}, err
	}
	found, err := s.Index.Release(r.Context(), name, version)
	if err != nil {
		return page{}, err
	}
	found.Needs = found.Needs[:min(len(found.Needs), needsShown)]
	view := releaseView{Release: found, Kind: kinds[found.Summary.Kind]}
	if found.Withheld == nil {
		view.Install = install(v.client.URL, name, version)
	}
	s.setLinks(&view, v)
	c := found.Content
	if c == nil {
		return page{template: "release", title: name + " " + version, data: view}, nil
	}
	view.Imports = s.externs(r, c.Imports, externsShown, s.releaseURL(name, version, "imports"))
	view.Exports = s.externs(r, c.Exports, externsShown, s.releaseURL(name, version, "exports"))
	view.Dependencies = c.Dependencies.Items[:min(len(c.Dependencies.Items), dependenciesShown)]
	view.Custom = c.Custom.Items[:min(len(c.Custom.Items), sectionsShown)]
	view.Parts = parts(c)
	if found.HasWIT && found.Withheld == nil {
		if view.WIT, err = s.witOf(r, name, version, 0, witOnRelease); err != nil {
			return page{}, err
		}
	}
	return page{template: "release", title: name + " " + version, data: view}, nil
}

func (s *Site) setLinks(view *releaseView, v *visit) {
	name, version := view.Name, view.Version
	space, bare, _ := strings.Cut(name, ":")
	view.Verify = s.verifyURL(name, version)
	view.Proof = v.link("/tlog/records/proof/" + space + "/" + bare + "/" + url.PathEscape(version))
	if view.Withheld == nil {
		view.Download = v.link("/content/" + strings.Replace(view.Digest.String(), ":", "-", 1))
	}
	if view.Content != nil && view.Content.Dependencies.Total > 0 {
		view.SBOM = v.link("/" + discovery.ReleasePath(name, version) + "/sbom")
	}
}

// releaseName reads the name and version of a release from the path.
func releaseName(r *http.Request) (name, version string, err error) {
	if name, err = packageName(r); err != nil {
		return "", "", err
	}
	version = r.PathValue("version")
	if protocol.CheckVersion(version) != nil {
		return "", "", &Problem{http.StatusNotFound, "That is not a version; versions look like 1.0.0."}
	}
	return name, version, nil
}

// maxDefining bounds the packages that are looked for as those that define what a release
// imports or exports.
const maxDefining = 12

// externs are the first of a list, and where the whole is.
func (s *Site) externs(r *http.Request, all discovery.List[discovery.Extern], most int, more string) externs {
	e := externs{Total: all.Total}
	here := map[string]bool{}
	some := all.Items[:min(len(all.Items), most)]
	known := s.known(r.Context(), interfacesOf(some))
	for _, x := range some {
		one := extern{Extern: x}
		if x.Interface != "" && known[x.Package+"/"+x.Interface] {
			one.Interface = s.interfaceURL(x.Package + "/" + x.Interface)
		}
		if one.Interface != "" {
			known, asked := here[x.Package]
			if !asked && len(here) < maxDefining {
				known = s.isHere(r, x.Package)
				here[x.Package] = known
			}
			if known {
				one.Package = x.Package
			}
		}
		e.Items = append(e.Items, one)
	}
	if e.Total > int64(len(e.Items)) {
		e.More = more
	}
	return e
}

// interfacesOf are the names of the interfaces in a list.
func interfacesOf(all []discovery.Extern) (names []string) {
	for _, x := range all {
		if x.Interface != "" && len(x.Package)+len(x.Interface) < maxLinked {
			names = append(names, x.Package+"/"+x.Interface)
		}
	}
	return names
}

// isHere reports whether a package has a release that can be shown. That it can not be
// asked only costs a link.
func (s *Site) isHere(r *http.Request, name string) bool {
	if _, err := protocol.ParsePackageName(name); err != nil {
		return false
	}
	found, err := s.Index.Search(r.Context(), discovery.Query{Package: name, Limit: 1, PreRelease: true})
	return err == nil && len(found.Items) > 0
}

type listView struct {
	discovery.Summary
	What         string
	Total        int64
	From, To     int
	Externs      []extern
	Dependencies []discovery.Dependency
	Sections     []discovery.Section
	Known        int64 // how many of them the index keeps
	Next         string
	First        string
}

// releaseFrom is the release that a request names, and from where on what is in it is asked for.
func (s *Site) releaseFrom(r *http.Request) (found discovery.Release, from uint64, err error) {
	name, version, err := releaseName(r)
	if err != nil {
		return found, 0, err
	}
	if from, err = number(r, "from"); err != nil {
		return found, 0, err
	}
	found, err = s.Index.Release(r.Context(), name, version)
	return found, from, err
}

// list is a page of a long list of what is in a release.
func (s *Site) list(r *http.Request, _ *visit) (page, error) {
	found, from, err := s.releaseFrom(r)
	if err != nil {
		return page{}, err
	}
	name, version := found.Name, found.Version
	what := r.PathValue("list")
	view := listView{Summary: found.Summary, What: what}
	c := found.Content
	if c == nil { // an empty list would say that there is nothing in it
		return page{}, &Problem{http.StatusNotFound, "What is in this release is not known, or can not be shown."}
	}
	switch what {
	case "imports", "exports":
		all := map[string]discovery.List[discovery.Extern]{"imports": c.Imports, "exports": c.Exports}[what]
		cut(&view, &all, from)
		view.Externs = s.externs(r, all, listShown, "").Items
	case "dependencies":
		all := c.Dependencies
		cut(&view, &all, from)
		view.Dependencies = all.Items
	case "sections":
		all := c.Custom
		cut(&view, &all, from)
		view.Sections = all.Items
	default:
		return s.unknown(r, nil)
	}
	base := "/packages/" + name + "/" + url.PathEscape(version) + "/" + what
	if int64(view.To) < view.Known {
		view.Next = s.to(base, "from", strconv.Itoa(view.To))
	}
	if from > 0 {
		view.First = s.to(base)
	}
	return page{template: "list", title: strings.ToUpper(what[:1]) + what[1:] + " of " + name + " " + version, data: view}, nil
}

// cut leaves a page of a list, and notes which.
func cut[T any](view *listView, all *discovery.List[T], from uint64) {
	view.Total, view.Known = all.Total, int64(len(all.Items))
	begin := int(min(from, uint64(len(all.Items))))
	view.From, view.To = begin, min(begin+listShown, len(all.Items))
	all.Items = all.Items[view.From:view.To]
}

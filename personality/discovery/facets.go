package discovery

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Bounds of facets.
const (
	maxFacets = 20  // of a kind
	sampled   = 300 // releases of an answer that are counted
)

// Facets counts values of the packages of an answer. Of an answer with a search or other
// conditions, the first releases are counted. They are not to be changed: others may get the
// same. Errors: [ErrBadQuery], [ErrUnavailable].
func (x *Index) Facets(ctx context.Context, q discovery.Query) (discovery.Facets, error) {
	q.Page, q.Limit = "", 0
	size := func(f discovery.Facets) int {
		return facetSize * (len(f.Kinds) + len(f.Licenses) + len(f.Namespaces) + len(f.Exports) + len(f.Imports))
	}
	return x.facets.get(x.Tag(), q, size, func() (discovery.Facets, error) { return x.count(ctx, q) })
}

func (x *Index) count(ctx context.Context, q discovery.Query) (f discovery.Facets, err error) {
	err = x.view(ctx, func(t tx) error {
		p, err := prepare(t, q)
		if err != nil {
			return err
		}
		if p.isEverything() {
			f, err = allFacets(t)
		} else {
			f, err = someFacets(t, p)
		}
		f.LogLength = p.token.Length
		return err
	})
	return f, err
}

// isEverything says whether a plan means the newest release of every package.
func (p *plan) isEverything() bool {
	q := p.query
	return !p.releases && p.wish == 0 && p.keys == nil && p.pkg == 0 && p.content == 0 && !p.nothing && len(p.tags) == 0 && q.Search == "" && q.Namespace == ""
}

func facetsOf(f *discovery.Facets, kind tagKind) *[]discovery.Facet {
	switch kind {
	case tagKindOf:
		return &f.Kinds
	case tagLicense:
		return &f.Licenses
	case tagNamespace:
		return &f.Namespaces
	case tagExport:
		return &f.Exports
	case tagImport:
		return &f.Imports
	}
	return nil
}

func newFacets() discovery.Facets {
	none := []discovery.Facet{}
	return discovery.Facets{Kinds: none, Licenses: none, Namespaces: none, Exports: none, Imports: none}
}

func allFacets(t tx) (discovery.Facets, error) {
	f := newFacets()
	for _, kind := range []tagKind{tagKindOf, tagLicense, tagNamespace, tagExport, tagImport} {
		into := facetsOf(&f, kind)
		// Versions of an interface have at most as many as the interface: some of them are read over.
		err := t.rows(`SELECT name, version, packages FROM tags WHERE kind = ? AND packages > 0 ORDER BY packages DESC, name LIMIT 1000`, []any{int64(kind)}, func(scan func(...any) error) error {
			var one discovery.Facet
			var version string
			if err := scan(&one.Value, &version, &one.Count); err != nil || version != anyVersion {
				return err
			}
			one.Value = spelled(kind, one.Value)
			if *into = append(*into, one); len(*into) == maxFacets {
				return errEnough
			}
			return nil
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// someFacets counts the first releases of an answer.
func someFacets(t tx, p *plan) (discovery.Facets, error) {
	f := newFacets()
	if p.nothing {
		return f, nil
	}
	sources, err := p.sources(t)
	if err != nil {
		return f, err
	}
	all, next, err := p.read(t, columns{`p.name, r.rank, r.version, c.tags, r.class & 4`, scanTags}, sources, sampled)
	if err != nil {
		return f, err
	}
	f.Sampled = next != nil
	counts, namespaces := map[int64]int64{}, map[string]int64{}
	for _, one := range all {
		namespace, _, _ := strings.Cut(one.Name, ":")
		namespaces[namespace]++
		for _, tag := range unpackIDs(one.tags) {
			counts[tag]++
		}
	}
	for namespace, n := range namespaces {
		f.Namespaces = append(f.Namespaces, discovery.Facet{Value: namespace, Count: n})
	}
	f.Namespaces = mostFrequent(f.Namespaces)
	return f, nameFacets(t, &f, counts)
}

// scanTags scans a release with its tags.
func scanTags(_ tx, scan func(...any) error, more ...any) (f found, err error) {
	var isWithheld int
	err = scan(append([]any{&f.Name, &f.rank, &f.Version, &f.tags, &isWithheld}, more...)...)
	if isWithheld != 0 {
		f.tags = nil // they are in the bytes that are withheld
	}
	return f, err
}

// nameFacets puts the most frequent tags into facets.
func nameFacets(t tx, f *discovery.Facets, counts map[int64]int64) error {
	byKind := map[tagKind][]int64{}
	for id := range counts {
		byKind[kindOfTag(id)] = append(byKind[kindOfTag(id)], id)
	}
	for kind, ids := range byKind {
		into := facetsOf(f, kind)
		if into == nil {
			continue
		}
		slices.SortFunc(ids, func(a, b int64) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
		table := idsIn(ids[:min(len(ids), 10*maxFacets)]) // with versions among them
		err := t.rows(`SELECT t.id, t.name FROM `+table.text+` x CROSS JOIN tags t ON t.id = x.value WHERE t.version = ?`, append(table.args, anyVersion), func(scan func(...any) error) error {
			var id int64
			var one discovery.Facet
			err := scan(&id, &one.Value)
			one.Value, one.Count = spelled(kind, one.Value), counts[id]
			*into = append(*into, one)
			return err
		})
		if err != nil {
			return err
		}
		*into = mostFrequent(*into)
	}
	return nil
}

func mostFrequent(all []discovery.Facet) []discovery.Facet {
	slices.SortFunc(all, func(a, b discovery.Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(len(all), maxFacets)]
}

func sortAmounts(all []discovery.InterfaceAmount) {
	slices.SortFunc(all, func(a, b discovery.InterfaceAmount) int { return protocol.CompareVersions(b.Version, a.Version) })
}

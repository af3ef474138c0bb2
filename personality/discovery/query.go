package discovery

import (
	"cmp"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Bounds of a query, beside those of package discovery.
const (
	maxListed     = 8   // imports, exports, or signatures: a URL has at most 16 KiB
	maxListedText = 128 // bytes of one, and of a license
	maxVersions   = 2000
)

// plan is a query that was checked and looked up.
type plan struct {
	query discovery.Query
	limit int
	sort  string
	token token // where the page begins

	wish     int // see heads.go
	releases bool
	fits     *protocol.Requirement // of versions; nil: all

	tags    []anyOf      // each has to hold; the rarest first
	keys    []int64      // one of them; nil: any
	pkg     int64        // 0: any
	content int64        // 0: any
	words   *searchWords // of the search; nil: not read yet
	matched map[matchesOf][]int64
	nothing bool // something is asked for that nobody has
}

// anyOf are tags of which a content has to have one.
type anyOf struct {
	ids      []int64
	contents int64 // that have one, at most
	packages int64
}

// prepare checks a query, and looks up what it names.
func prepare(t tx, q discovery.Query) (p *plan, err error) {
	if err := checkQuery(&q); err != nil {
		return nil, err
	}
	p = &plan{query: q, limit: cmp.Or(q.Limit, discovery.DefaultLimit), sort: q.Sort}
	if q.Digest != "" && q.Versions == "" {
		q.Versions, q.PreRelease, q.Yanked, q.Withheld = "all", true, true, true
	}
	for _, w := range []struct {
		set bool
		bit int
	}{{q.PreRelease, classPre}, {q.Yanked, classYanked}, {q.Withheld, classWithheld}} {
		if w.set {
			p.wish |= w.bit
		}
	}
	switch q.Versions {
	case "", "latest":
	case "all":
		p.releases = true
	default:
		r, err := protocol.ParseRequirement(q.Versions)
		if err != nil {
			return nil, badQuery("versions: %v; it is latest, all, or a requirement such as ^1.2", err)
		}
		p.releases, p.fits = true, &r
		p.wish |= classPre // the requirement says which of them
	}
	if p.sort == "" {
		p.sort = discovery.SortName
		if q.Search != "" {
			p.sort = discovery.SortRank
		}
	}
	if p.token, err = readToken(t, p.key(), q.Page); err != nil {
		return nil, err
	}
	return p, p.lookUp(t)
}

// sourcesVersion changes with the sources of answers (text.go, list.go): a page of an earlier
// release of the registry does not fit.
const sourcesVersion = "3"

// key is what a page token has to fit: everything that is asked for but how many.
func (p *plan) key() string {
	q := p.query
	return strings.Join([]string{
		q.Search, q.Namespace, q.Package, strings.Join(q.Imports, " "), strings.Join(q.Exports, " "), q.License, q.Kind, q.Digest,
		strings.Join(q.Signatures, " "), q.Versions, p.sort, string(rune('0' + p.wish)), sourcesVersion,
	}, "\x00")
}

func checkQuery(q *discovery.Query) error {
	if len(q.Search) > discovery.MaxSearch {
		return badQuery("search has %d bytes, more than %d", len(q.Search), discovery.MaxSearch)
	}
	q.Search = strings.ToValidUTF8(q.Search, "\uFFFD") // no word, but not an empty search either
	if strings.TrimSpace(q.Search) == "" {
		q.Search = ""
	}
	if q.Limit < 0 || q.Limit > discovery.MaxLimit {
		return badQuery("limit is %d; it is 1 to %d", q.Limit, discovery.MaxLimit)
	}
	if q.Namespace != "" && !protocol.ValidNamespace(q.Namespace) {
		return badQuery("namespace %.100q is not one: it is words in lower case with hyphens between them", q.Namespace)
	}
	if q.Package != "" {
		if _, err := protocol.ParsePackageName(q.Package); err != nil {
			return badQuery("package: %v", err)
		}
	}
	switch q.Kind {
	case "", discovery.KindModule, discovery.KindComponent, discovery.KindWIT:
	default:
		return badQuery("kind %.100q is none of module, component and wit", q.Kind)
	}
	if q.Digest != "" {
		if _, err := protocol.ParseHash(q.Digest); err != nil {
			return badQuery("digest: %v", err)
		}
	}
	if len(q.License) > maxListedText {
		return badQuery("license has more than %d bytes", maxListedText)
	}
	for name, list := range map[string][]string{"imports": q.Imports, "exports": q.Exports, "signatures": q.Signatures} {
		if len(list) > maxListed {
			return badQuery("%s has %d values, more than %d", name, len(list), maxListed)
		}
		for _, one := range list {
			if one == "" || len(one) > maxListedText || strings.ContainsFunc(one, func(r rune) bool { return r < ' ' || r > '~' }) {
				return badQuery("%s has a value that is empty, longer than %d bytes or not ASCII text", name, maxListedText)
			}
		}
	}
	switch q.Sort {
	case "", discovery.SortName, discovery.SortNewest, discovery.SortVersion:
	case discovery.SortRank:
		if q.Search == "" {
			return badQuery("sort=rank needs a search")
		}
	default:
		return badQuery("sort %.100q is none of rank, name, newest and version", q.Sort)
	}
	return nil
}

// lookUp finds the ids of what the query names.
func (p *plan) lookUp(t tx) error {
	q := p.query
	for _, side := range []struct {
		kind  tagKind
		name  string
		names []string
	}{{tagImport, "imports", q.Imports}, {tagExport, "exports", q.Exports}} {
		for _, text := range side.names {
			name, requirement, _ := strings.Cut(text, "@")
			if err := p.addInterface(t, side.kind, side.name, name, requirement); err != nil {
				return err
			}
		}
	}
	if q.License != "" {
		ids := licenseIDs(q.License)
		if len(ids) == 0 {
			return badQuery("license %.100q is not an SPDX identifier", q.License)
		}
		for _, id := range ids {
			if err := p.addTag(t, tag{tagLicense, id, anyVersion}); err != nil {
				return err
			}
		}
	}
	if q.Kind != "" {
		if err := p.addTag(t, tag{tagKindOf, q.Kind, anyVersion}); err != nil {
			return err
		}
	}
	slices.SortStableFunc(p.tags, func(a, b anyOf) int { return cmp.Compare(a.contents, b.contents) })
	for _, key := range q.Signatures {
		var id int64
		found, err := t.row(`SELECT id FROM keys WHERE key = ?`, []any{key}, &id)
		if err != nil {
			return err
		}
		if found {
			p.keys = append(p.keys, id)
		}
	}
	p.nothing = p.nothing || len(q.Signatures) > 0 && len(p.keys) == 0
	if err := p.find(t, `SELECT id FROM packages WHERE name = ?`, q.Package, q.Package, &p.pkg); err != nil {
		return err
	}
	digest, _ := protocol.ParseHash(q.Digest) // checked before
	return p.find(t, `SELECT id FROM contents WHERE digest = ?`, q.Digest, digest[:], &p.content)
}

// find looks an id up, if it is asked for.
func (p *plan) find(t tx, query, asked string, value any, into *int64) error {
	if asked == "" {
		return nil
	}
	found, err := t.row(query, []any{value}, into)
	p.nothing = p.nothing || !found
	return err
}

func (p *plan) addTag(t tx, of tag) error {
	var one anyOf
	var id int64
	found, err := t.row(`SELECT id, contents, packages FROM tags WHERE kind = ? AND name = ? AND version = ?`,
		[]any{int64(of.kind), of.name, of.version}, &id, &one.contents, &one.packages)
	if err != nil {
		return err
	}
	if !found {
		p.nothing = true
		return nil
	}
	one.ids = []int64{id}
	p.tags = append(p.tags, one)
	return nil
}

// addInterface adds an interface, in the versions that a requirement takes.
func (p *plan) addInterface(t tx, kind tagKind, param, name, requirement string) error {
	if requirement == "" {
		return p.addTag(t, tag{kind, name, anyVersion})
	}
	fits, err := protocol.ParseRequirement(requirement)
	if err != nil {
		return badQuery("%s: %v", param, err)
	}
	var one anyOf
	err = t.rows(`SELECT id, version, contents, packages FROM tags WHERE kind = ? AND name = ? AND version <> ? LIMIT ? + 0`,
		[]any{int64(kind), name, anyVersion, maxVersions}, func(scan func(...any) error) error {
			var id, contents, packages int64
			var version string
			if err := scan(&id, &version, &contents, &packages); err != nil {
				return err
			}
			if version == requirement || fits.Matches(version) {
				one.ids = append(one.ids, id)
				one.contents += contents
				one.packages += packages
			}
			return nil
		})
	p.tags = append(p.tags, one)
	p.nothing = p.nothing || len(one.ids) == 0
	return err
}

// rarest returns the tags that the fewest contents have; nil if none are asked for.
func (p *plan) rarest() *anyOf {
	if len(p.tags) == 0 {
		return nil
	}
	return &p.tags[0]
}

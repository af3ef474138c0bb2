package discovery

import (
	"context"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Bounds of lists in answers.
const (
	maxReleases = 100 // of a package
	maxHeld     = 100 // keys of a package, packages of a key
	maxEvents   = 100
)

// findPackage returns the id of a package; [ErrNotFound] if there is none.
func findPackage(t tx, name string) (id int64, err error) {
	found, err := t.row(`SELECT id FROM packages WHERE name = ?`, []any{name}, &id)
	if err == nil && !found {
		err = ErrNotFound
	}
	return id, err
}

// Package returns a package, with its newest releases. Errors: [ErrNotFound],
// [ErrUnavailable].
func (x *Index) Package(ctx context.Context, name string) (pkg discovery.Package, err error) {
	err = x.view(ctx, func(t tx) (err error) {
		pkg, err = x.readPackage(t, name)
		return err
	})
	return pkg, err
}

func (x *Index) readPackage(t tx, name string) (pkg discovery.Package, err error) {
	id, err := findPackage(t, name)
	if err != nil {
		return pkg, err
	}
	pkg.Name = name
	if parsed, err := protocol.ParsePackageName(name); err == nil {
		pkg.LogID = parsed.LogID()
	}
	if pkg.LogLength, err = t.number(metaPosition); err != nil {
		return pkg, err
	}
	var created, at int64
	var record []byte
	if _, err := t.row(`SELECT p.created, p.record, p.time, k.key, p.releases FROM packages p CROSS JOIN keys k ON k.id = p.key WHERE p.id = ?`, []any{id},
		&created, &record, &at, (*string)(&pkg.Created.Key), &pkg.Total); err != nil {
		return pkg, err
	}
	copy(pkg.Created.Record[:], record)
	pkg.Created.Time, pkg.Created.RegistryIndex = timeOf(at), indexOf(created)
	releases, err := x.newestReleases(t, id)
	if err != nil {
		return pkg, err
	}
	pkg.Releases = []discovery.Summary{}
	for _, r := range releases {
		pkg.Releases = append(pkg.Releases, r.Summary)
	}
	if pkg.Latest, err = x.latest(t, id, name); err != nil {
		return pkg, err
	}
	pkg.Keys, err = heldIn(t, id)
	return pkg, err
}

// newestReleases are those of a package with the highest versions, whatever became of them.
func (x *Index) newestReleases(t tx, pkg int64) (all []found, err error) {
	for class := range wishes {
		err := t.rows(`SELECT `+summaryColumns+` FROM releases r`+joinPackage+joinDetails+` WHERE r.package = ? AND r.class = ? ORDER BY r.rank DESC LIMIT ? + 0`,
			[]any{pkg, class, maxReleases}, func(scan func(...any) error) error {
				f, err := x.scanSummary(t, scan)
				all = append(all, f)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b found) int { return protocol.CompareVersions(b.Version, a.Version) })
	return all[:min(len(all), maxReleases)], nil
}

// latest is the newest release of a package by the default wish; nil if there is none.
func (x *Index) latest(t tx, pkg int64, name string) (*discovery.Release, error) {
	var version string
	found, err := t.row(`SELECT r.version FROM heads h CROSS JOIN releases r ON r.id = h.release WHERE h.package = ? AND h.until = ? AND h.mask & ? <> 0`,
		[]any{pkg, int64(still), defaultMask}, &version)
	if err != nil || !found {
		return nil, err
	}
	r, err := x.readRelease(t, name, version)
	return &r, err
}

// heldIn are the keys of a package.
func heldIn(t tx, pkg int64) ([]discovery.Held, error) {
	held := []discovery.Held{}
	err := t.rows(`SELECT k.key, k.public, h.permissions FROM held h CROSS JOIN keys k ON k.id = h.key WHERE h.package = ? ORDER BY h.permissions = '', k.id LIMIT ? + 0`,
		[]any{pkg, maxHeld}, func(scan func(...any) error) error {
			var one discovery.Held
			var permissions string
			err := scan((*string)(&one.Key), &one.PublicKey, &permissions)
			one.Permissions = list(permissions)
			held = append(held, one)
			return err
		})
	return held, err
}

// list is split for JSON: never null.
func list(permissions string) []string {
	if all := split(permissions); all != nil {
		return all
	}
	return []string{}
}

// Release returns a release and what is in it. Errors: [ErrNotFound], [ErrUnavailable].
func (x *Index) Release(ctx context.Context, name, version string) (r discovery.Release, err error) {
	err = x.view(ctx, func(t tx) (err error) {
		r, err = x.readRelease(t, name, version)
		return err
	})
	return r, err
}

// readSummary reads a release.
func (x *Index) readSummary(t tx, name, version string) (f found, err error) {
	if protocol.CheckVersion(version) != nil {
		return f, ErrNotFound
	}
	pkg, err := findPackage(t, name)
	if err != nil {
		return f, err
	}
	id, _, ok, err := findRelease(t, pkg, version)
	if err != nil {
		return f, err
	}
	if !ok {
		return f, ErrNotFound
	}
	err = t.rows(`SELECT `+summaryColumns+` FROM releases r`+joinPackage+joinDetails+` WHERE r.id = ?`, []any{id}, func(scan func(...any) error) (err error) {
		f, err = x.scanSummary(t, scan)
		return err
	})
	return f, err
}

func (x *Index) readRelease(t tx, name, version string) (r discovery.Release, err error) {
	f, err := x.readSummary(t, name, version)
	if err != nil {
		return r, err
	}
	r.Summary = f.Summary
	if r.LogLength, err = t.number(metaPosition); err != nil {
		return r, err
	}
	if _, err := t.row(`SELECT packages FROM tags WHERE kind = ? AND name = ? AND version = ?`, []any{int64(tagUses), name, anyVersion}, &r.Dependents); err != nil {
		return r, err
	}
	if r.Withheld != nil {
		return r, nil
	}
	d, ok, err := readDescription(t, f.content)
	if err != nil || !ok {
		return r, err
	}
	r.Content, r.Needs = &d, needs(d)
	_, err = t.row(`SELECT wit FROM contents WHERE id = ?`, []any{f.content}, &r.HasWIT)
	return r, err
}

// WIT returns the WIT of a release. [ErrNotFound] if it has none, or is withheld.
func (x *Index) WIT(ctx context.Context, name, version string) (wit discovery.WIT, err error) {
	err = x.view(ctx, func(t tx) error {
		f, err := x.readSummary(t, name, version)
		if err != nil {
			return err
		}
		if f.Withheld != nil {
			return ErrNotFound
		}
		var ok bool
		if wit, ok, err = readWIT(t, f.content); err == nil && !ok {
			err = ErrNotFound
		}
		return err
	})
	return wit, err
}

// Dependents returns a page of the packages whose newest release imports an interface of a
// package, or the package itself. Errors: [ErrNotFound], [ErrBadQuery], [ErrUnavailable].
func (x *Index) Dependents(ctx context.Context, name, page string) (dependents discovery.Page, err error) {
	err = x.answer(ctx, func(t tx) error {
		used, err := t.row(`SELECT id FROM tags WHERE kind = ? AND name = ? AND version = ?`, []any{int64(tagUses), name, anyVersion}, new(int64))
		if err != nil {
			return err
		}
		if !used {
			if _, err := findPackage(t, name); err != nil {
				return err
			}
		}
		dependents, err = x.taggedPage(t, tag{tagUses, name, anyVersion}, page, discovery.DefaultLimit)
		return err
	})
	return dependents, err
}

// taggedPage is a page of the packages whose newest release has a tag.
func (x *Index) taggedPage(t tx, of tag, page string, limit int) (discovery.Page, error) {
	p := &plan{query: discovery.Query{Page: page}, limit: limit, sort: discovery.SortName}
	var err error
	if p.token, err = readToken(t, p.key()+"\x00"+string(rune('0'+of.kind))+of.name, page); err != nil {
		return discovery.Page{}, err
	}
	if err := p.addTag(t, of); err != nil {
		return discovery.Page{}, err
	}
	return x.page(t, p)
}

// Log returns entries of a package's log, oldest first, from one on; next is where more of
// them begin, 0 if there are none. Errors: [ErrNotFound], [ErrUnavailable].
func (x *Index) Log(ctx context.Context, name string, from uint64) (events []discovery.Event, next uint64, err error) {
	err = x.view(ctx, func(t tx) error {
		pkg, err := findPackage(t, name)
		if err == nil {
			events, next, err = readLog(t, pkg, int64(min(from, 1<<62)))
		}
		return err
	})
	return events, next, err
}

// readLog merges the three tables that have entries.
func readLog(t tx, pkg, from int64) (events []discovery.Event, next uint64, err error) {
	type entry struct {
		id int64
		discovery.Event
	}
	var all []entry
	for _, query := range []string{
		`SELECT r.id, 'release', r.version, c.digest, '', '', r.record, r.time, k.key FROM releases r CROSS JOIN contents c ON c.id = r.content CROSS JOIN keys k ON k.id = r.key
			WHERE r.package = ? AND r.id >= ? ORDER BY r.id LIMIT ? + 0`,
		`SELECT r.yank, 'yank', r.version, NULL, '', '', r.yank_record, r.yank_time, k.key FROM releases r CROSS JOIN keys k ON k.id = r.yank_key
			WHERE r.package = ? AND r.yank >= ? ORDER BY r.yank LIMIT ? + 0`,
		`SELECT e.id, e.entry, '', NULL, s.key, e.permissions, e.record, e.time, k.key FROM changes e CROSS JOIN keys s ON s.id = e.subject CROSS JOIN keys k ON k.id = e.key
			WHERE e.package = ? AND e.id >= ? ORDER BY e.id LIMIT ? + 0`,
	} {
		err := t.rows(query, []any{pkg, from, maxEvents + 1}, func(scan func(...any) error) error {
			var e entry
			var digest, record []byte
			var permissions string
			var at int64
			if err := scan(&e.id, &e.Entry, &e.Version, &digest, (*string)(&e.Subject), &permissions, &record, &at, (*string)(&e.Key)); err != nil {
				return err
			}
			e.Time, e.RegistryIndex, e.Permissions = timeOf(at), indexOf(e.id), split(permissions)
			copy(e.Record[:], record)
			if digest != nil {
				e.Digest = new(protocol.Hash(digest))
			}
			all = append(all, e)
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return int(max(-1, min(1, a.id-b.id))) })
	events = []discovery.Event{}
	for _, e := range all {
		if len(events) == maxEvents {
			return events, uint64(e.id), nil
		}
		events = append(events, e.Event)
	}
	return events, 0, nil
}

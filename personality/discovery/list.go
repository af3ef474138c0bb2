package discovery

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// condition is a part of SQL with its arguments.
type condition struct {
	text string
	args []any
}

func where(text string, args ...any) condition { return condition{text, args} }

// source is one way to find releases in an order. An answer has one or more, one behind the
// other.
type source struct {
	from  condition // tables: releases r, packages p, and more
	where []condition
	order string // "": as they are found
	at    string // the entry id of a place
	// sorted: rows are not found in the order of the answer, so that all of them are looked at.
	sorted bool
	// after is the condition of what comes behind a place; it is called if there is one.
	after func(place) condition
	// end is the place so many steps behind another one, and the condition of what comes up
	// to there; false if there are not so many. nil: the source is small.
	end func(t tx, from place, steps int) (place, condition, bool, error)
	// listed, if there, finds entry ids first, newest first: up to most of them behind a
	// place, and whether there may be more. listed.from is put in front of from.
	listed func(t tx, from place, most int) (ids []int64, more bool, err error)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// idsIn is a table of ids. They are one value, so that the statement has one text.
func idsIn(ids []int64) condition {
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // numbers can be encoded
	}
	return where(`json_each(?)`, string(text))
}

func anys(ids []int64) []any {
	all := make([]any, len(ids))
	for i, id := range ids {
		all[i] = id
	}
	return all
}

// isHead is the condition on a head h to be that of the plan's wish at its length.
func (p *plan) isHead() condition {
	length := int64(p.token.Length)
	return where(`h.until > ? AND h.since <= ? AND h.mask & ? <> 0`, length, length, 1<<p.wish)
}

// conditions are those of the plan on a release r of a package p, but for the tag that the
// releases are found by, and those that tagged joins.
func (p *plan) conditions(by *anyOf) (all []condition) {
	if p.releases {
		all = append(all, where(`r.id < ?`, entryID(p.token.Length, 0)), where(`r.class & ? = 0`, ^p.wish&(wishes-1)))
	}
	for i := range p.tags {
		if one := &p.tags[i]; one != by && len(one.ids) > 1 {
			all = append(all, where(`EXISTS (SELECT 1 FROM postings WHERE tag IN (`+marks(len(one.ids))+`) AND content = r.content)`, anys(one.ids)...))
		}
	}
	switch { // what is in what is withheld is not said
	case len(p.tags) > 0 && p.releases:
		all = append(all, where(`r.class & ? = 0`, classWithheld))
	case len(p.tags) > 0: // asked of heads alone: others are not read for it
		all = append(all, where(`CASE WHEN h.mask THEN r.class & ? = 0 END`, classWithheld))
	}
	if p.keys != nil {
		all = append(all, where(`r.key IN (`+marks(len(p.keys))+`)`, anys(p.keys)...))
	}
	if p.content != 0 {
		all = append(all, where(`r.content = ?`, p.content))
	}
	if p.pkg != 0 {
		all = append(all, where(`r.package = ?`, p.pkg))
	}
	if namespace := p.query.Namespace; namespace != "" {
		all = append(all, where(`p.name >= ? AND p.name < ?`, namespace+":", namespace+";"))
	}
	return all
}

// isSelective says whether many releases may be looked at in vain.
func (p *plan) isSelective() bool {
	return p.releases || len(p.tags) > 0 || p.keys != nil || p.wish != 0 || p.sort == discovery.SortNewest && p.query.Namespace != ""
}

// Joins behind a release r, and behind a package p of it.
const (
	joinDetails = ` CROSS JOIN contents c ON c.id = r.content`
	joinPackage = ` CROSS JOIN packages p ON p.id = r.package`
)

// tagged joins tags, the rarest first, behind a release r: those of one id each. The rest are
// among the conditions.
func (p *plan) tagged(from condition, by *anyOf) condition {
	from.args = slices.Clone(from.args)
	for i := range p.tags {
		if one := &p.tags[i]; one != by && len(one.ids) == 1 {
			from.text += fmt.Sprintf(` CROSS JOIN postings t%d ON t%d.tag = ? AND t%d.content = r.content`, i, i, i)
			from.args = append(from.args, one.ids[0])
		}
	}
	return from
}

// ofPackages are the releases of packages p.
func (p *plan) ofPackages() condition {
	if p.releases {
		return p.tagged(where(`packages p CROSS JOIN releases r ON r.package = p.id`), nil)
	}
	return p.tagged(where(`packages p CROSS JOIN heads h ON h.package = p.id CROSS JOIN releases r ON r.id = h.release`), nil)
}

// ofReleases are packages p of releases r that from has.
func (p *plan) ofReleases(from condition, by *anyOf) condition {
	from = p.tagged(from, by)
	from.text += joinPackage
	return from
}

// listSource is the source of an answer without a search.
func (p *plan) listSource(t tx) (source, error) {
	few, by, err := p.few(t)
	if err != nil {
		return source{}, err
	}
	s := source{where: p.conditions(by), at: `r.id`}
	if !p.releases {
		s.where = append(s.where, p.isHead())
	}
	if p.sort == discovery.SortNewest {
		s.order, s.after = `r.id DESC`, beforeEntry
	} else {
		s.order, s.after = p.byName(), behindName
	}
	switch {
	case few.text != "":
		s.from, s.sorted = few, true
	case p.sort != discovery.SortNewest:
		s.from, s.end = p.ofPackages(), endOfNames(p.query.Namespace)
	case p.releases:
		s.from, s.end = p.ofReleases(where(`releases r`), nil), endOfEntries(`SELECT id FROM releases WHERE id < ? ORDER BY id DESC`)
	default:
		s.from, s.end = p.ofReleases(where(`heads h CROSS JOIN releases r ON r.id = h.release`), nil), endOfEntries(`SELECT release FROM heads WHERE release < ? ORDER BY release DESC`)
		s.at, s.order = `h.release`, `h.release DESC`
		s.after = func(at place) condition { return where(`h.release < ?`, at.Entry) }
	}
	return s, nil
}

// few are the tables if the plan means few releases, which can be found without looking at
// others; by is the tag that they are found by, if it is one.
func (p *plan) few(t tx) (from condition, by *anyOf, err error) {
	tags := p.rarest()
	switch {
	case p.content != 0, p.pkg != 0:
		from = where(`releases r`)
	case tags != nil && tags.contents <= smallSet:
		by = tags
		from = where(`(SELECT DISTINCT content FROM postings WHERE tag IN (`+marks(len(tags.ids))+`)) x CROSS JOIN releases r ON r.content = x.content`, anys(tags.ids)...)
	case p.keys != nil:
		var n int64
		if _, err := t.row(`SELECT SUM(releases) FROM keys WHERE id IN (`+marks(len(p.keys))+`)`, anys(p.keys), &n); err != nil || n > smallSet {
			return condition{}, nil, err
		}
		from = where(`releases r INDEXED BY releases_key`)
	case p.query.Namespace != "" && p.sort == discovery.SortNewest:
		var n int64
		if _, err := t.row(`SELECT packages FROM namespaces WHERE name = ?`, []any{p.query.Namespace}, &n); err != nil || n > smallSet {
			return condition{}, nil, err
		}
		return p.ofPackages(), nil, nil
	default:
		return condition{}, nil, nil
	}
	if !p.releases {
		from.text += ` CROSS JOIN heads h ON h.release = r.id`
	}
	return p.ofReleases(from, by), by, nil
}

// byName is the order of packages' names. A package has one head: only of releases there are
// more, and then the newest is the first.
func (p *plan) byName() string {
	if p.releases {
		return `p.name, r.rank DESC`
	}
	return `p.name`
}

func beforeEntry(at place) condition { return where(`r.id < ?`, at.Entry) }

func behindName(at place) condition {
	if len(at.Rank) == 0 {
		return where(`p.name > ?`, at.Name)
	}
	return where(`p.name >= ? AND (p.name > ? OR r.rank < ?)`, at.Name, at.Name, at.Rank)
}

// endOfNames is the end of sources in the order of names.
func endOfNames(namespace string) func(t tx, from place, steps int) (place, condition, bool, error) {
	return func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		begin, end := from.Name, "~" // behind all names
		if namespace != "" {
			begin, end = max(begin, namespace+":"), namespace+";"
		}
		to.Source = from.Source
		ok, err = t.row(`SELECT name FROM packages WHERE name > ? AND name < ? ORDER BY name LIMIT 1 OFFSET ? + 0`, []any{begin, end, steps}, &to.Name)
		return to, where(`p.name <= ?`, to.Name), ok, err
	}
}

// endOfEntries is the end of sources in the order of entry ids, newest first.
func endOfEntries(query string) func(t tx, from place, steps int) (place, condition, bool, error) {
	return func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		if from.Entry == 0 {
			from.Entry = still
		}
		to.Source = from.Source
		ok, err = t.row(query+` LIMIT 1 OFFSET ? + 0`, []any{from.Entry, steps}, &to.Entry)
		return to, where(`r.id >= ?`, to.Entry), ok, err
	}
}

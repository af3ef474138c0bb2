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

// of is the column of a candidate for the answer: id, package or content of a release r if
// releases are asked for, else of a head h.
func (p *plan) of(column string) string {
	switch {
	case p.releases:
		return `r.` + column
	case column == "id":
		return `h.release`
	}
	return `h.` + column
}

// candidates is the table that of is of.
func (p *plan) candidates() string {
	if p.releases {
		return `releases r`
	}
	return `heads h`
}

// readsReleases says whether the releases of heads have to be read to see which are meant.
func (p *plan) readsReleases() bool { return p.releases || p.keys != nil || p.asksWithheld() }

// asksWithheld says whether a head may be withheld of which tags are asked: what is in it is
// not said. Without the wish for it, it is no head now.
func (p *plan) asksWithheld() bool {
	return len(p.tags) > 0 && (p.releases || p.wish&classWithheld != 0 || p.query.Page != "")
}

// conditions are those of the plan on a release r of a package p, but for the tag that the
// releases are found by, and those that tagged joins.
func (p *plan) conditions(by *anyOf) (all []condition) {
	if p.releases {
		all = append(all, where(`r.id < ?`, entryID(p.token.Length, 0)), where(`r.class & ? = 0`, ^p.wish&(wishes-1)))
	}
	for i := range p.tags {
		if one := &p.tags[i]; one != by && len(one.ids) > 1 {
			all = append(all, where(`EXISTS (SELECT 1 FROM postings WHERE tag IN (`+marks(len(one.ids))+`) AND content = `+p.of("content")+`)`, anys(one.ids)...))
		}
	}
	if p.asksWithheld() {
		all = append(all, where(`r.class & ? = 0`, classWithheld))
	}
	if p.keys != nil {
		all = append(all, where(`r.key IN (`+marks(len(p.keys))+`)`, anys(p.keys)...))
	}
	if p.content != 0 {
		all = append(all, where(p.of("content")+` = ?`, p.content))
	}
	if p.pkg != 0 {
		all = append(all, where(p.of("package")+` = ?`, p.pkg))
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

// Joins behind a release r, a package p of it, and a head h.
const (
	joinDetails = ` CROSS JOIN contents c ON c.id = r.content`
	joinPackage = ` CROSS JOIN packages p ON p.id = r.package`
	joinRelease = ` CROSS JOIN releases r ON r.id = h.release`
)

// tagged joins tags, the rarest first, behind candidates: those of one id each. The rest are
// among the conditions.
func (p *plan) tagged(from condition, by *anyOf) condition {
	from.args = slices.Clone(from.args)
	for i := range p.tags {
		if one := &p.tags[i]; one != by && len(one.ids) == 1 {
			from.text += fmt.Sprintf(` CROSS JOIN postings t%d ON t%d.tag = ? AND t%d.content = %s`, i, i, i, p.of("content"))
			from.args = append(from.args, one.ids[0])
		}
	}
	return from
}

// ofPackages are the candidates of packages p.
func (p *plan) ofPackages() condition {
	if p.releases {
		return p.tagged(where(`packages p CROSS JOIN releases r ON r.package = p.id`), nil)
	}
	return p.tagged(p.withReleases(where(`packages p CROSS JOIN heads h ON h.package = p.id`)), nil)
}

// ofCandidates are the packages p of candidates that from has.
func (p *plan) ofCandidates(from condition, by *anyOf) condition {
	from = p.tagged(from, by)
	from.text += ` CROSS JOIN packages p ON p.id = ` + p.of("package")
	return from
}

// withReleases joins releases r behind heads h if they have to be read.
func (p *plan) withReleases(from condition) condition {
	if !p.releases && p.readsReleases() {
		from.text += joinRelease
	}
	return from
}

// listSource is the source of an answer without a search.
func (p *plan) listSource(t tx) (source, error) {
	few, by, err := p.few(t)
	if err != nil {
		return source{}, err
	}
	s := source{where: p.conditions(by), at: p.of("id")}
	if !p.releases {
		s.where = append(s.where, p.isHead())
	}
	if p.sort == discovery.SortNewest {
		s.order, s.after = p.of("id")+` DESC`, p.beforeEntry
	} else {
		s.order, s.after = p.byName(), behindName
	}
	switch {
	case few.text != "":
		s.from, s.sorted = few, true
	case p.sort != discovery.SortNewest:
		s.from, s.end = p.ofPackages(), endOfNames(p.query.Namespace)
	case p.releases:
		s.from, s.end = p.ofCandidates(where(`releases r`), nil), p.endOfEntries(`SELECT id FROM releases WHERE id < ? ORDER BY id DESC`)
	default:
		s.from, s.end = p.ofCandidates(p.withReleases(where(`heads h`)), nil), p.endOfEntries(`SELECT release FROM heads WHERE release < ? ORDER BY release DESC`)
	}
	return s, nil
}

// few are the tables if the plan means few releases, which can be found without looking at
// others; by is the tag that they are found by, if it is one.
func (p *plan) few(t tx) (from condition, by *anyOf, err error) {
	tags := p.rarest()
	switch {
	case p.content != 0, p.pkg != 0:
		from = p.withReleases(where(p.candidates()))
	case tags != nil && tags.contents <= smallSet:
		by = tags
		from = p.withReleases(where(`(SELECT DISTINCT content FROM postings WHERE tag IN (`+marks(len(tags.ids))+`)) x CROSS JOIN `+p.candidates()+` ON `+p.of("content")+` = x.content`, anys(tags.ids)...))
	case p.keys != nil:
		var n int64
		if _, err := t.row(`SELECT SUM(releases) FROM keys WHERE id IN (`+marks(len(p.keys))+`)`, anys(p.keys), &n); err != nil || n > smallSet {
			return condition{}, nil, err
		}
		from = where(`releases r INDEXED BY releases_key`)
		if !p.releases {
			from.text += ` CROSS JOIN heads h ON h.release = r.id`
		}
	case p.query.Namespace != "" && p.sort == discovery.SortNewest:
		var n int64
		if _, err := t.row(`SELECT packages FROM namespaces WHERE name = ?`, []any{p.query.Namespace}, &n); err != nil || n > smallSet {
			return condition{}, nil, err
		}
		return p.ofPackages(), nil, nil
	default:
		return condition{}, nil, nil
	}
	return p.ofCandidates(from, by), by, nil
}

// byName is the order of packages' names. A package has one head: only of releases there are
// more, and then the newest is the first.
func (p *plan) byName() string {
	if p.releases {
		return `p.name, r.rank DESC`
	}
	return `p.name`
}

func (p *plan) beforeEntry(at place) condition { return where(p.of("id")+` < ?`, at.Entry) }

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
func (p *plan) endOfEntries(query string) func(t tx, from place, steps int) (place, condition, bool, error) {
	return func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		if from.Entry == 0 {
			from.Entry = still
		}
		to.Source = from.Source
		ok, err = t.row(query+` LIMIT 1 OFFSET ? + 0`, []any{from.Entry, steps}, &to.Entry)
		return to, where(p.of("id")+` >= ?`, to.Entry), ok, err
	}
}

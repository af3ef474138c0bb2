package discovery

import (
	"strings"
	"time"

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
	from  condition // tables: releases r, packages p, contents c, keys k, and more
	where []condition
	order string
	at    string // the entry id of a place
	// after is the condition of what comes behind a place; it is called if there is one.
	after func(place) condition
	// end is the place so many steps behind another one, and the condition of what comes up
	// to there; false if there are not so many. nil: the source is small.
	end func(t tx, from place, steps int) (place, condition, bool, error)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

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

// conditions are those of the plan on a release r of a package p with content c.
func (p *plan) conditions() (all []condition) {
	if p.releases {
		all = append(all, where(`r.id < ?`, entryID(p.token.Length, 0)), where(`r.class & ? = 0`, ^p.wish&(wishes-1)))
	}
	for _, one := range p.tags {
		all = append(all, where(`EXISTS (SELECT 1 FROM postings WHERE tag IN (`+marks(len(one.ids))+`) AND content = r.content)`, anys(one.ids)...))
	}
	if len(p.tags) > 0 {
		all = append(all, where(`c.withheld IS NULL`)) // what is in it is not said
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

// Joins behind a package p, and behind a release r.
const (
	joinDetails = ` CROSS JOIN contents c ON c.id = r.content CROSS JOIN keys k ON k.id = r.key`
	joinPackage = ` CROSS JOIN packages p ON p.id = r.package` + joinDetails
)

// ofPackages are the releases of packages p.
func (p *plan) ofPackages() condition {
	if p.releases {
		return where(`packages p CROSS JOIN releases r ON r.package = p.id` + joinDetails)
	}
	return where(`packages p CROSS JOIN heads h ON h.package = p.id CROSS JOIN releases r ON r.id = h.release` + joinDetails)
}

// listSource is the source of an answer without a search.
func (p *plan) listSource(t tx) (source, error) {
	s := source{where: p.conditions(), at: `r.id`}
	if !p.releases {
		s.where = append(s.where, p.isHead())
	}
	if p.sort == discovery.SortNewest {
		s.order, s.after = `r.id DESC`, beforeEntry
	} else {
		s.order, s.after = `p.name, r.rank DESC`, behindName
	}
	few, err := p.few(t)
	if err != nil || few.text != "" {
		s.from = few
		return s, err
	}
	switch {
	case p.sort != discovery.SortNewest:
		s.from, s.end = p.ofPackages(), endOfNames(p.query.Namespace)
	case p.releases:
		s.from, s.end = where(`releases r`+joinPackage), endOfEntries(`SELECT id FROM releases WHERE id < ? ORDER BY id DESC`)
	default:
		s.from, s.end = where(`heads h CROSS JOIN releases r ON r.id = h.release`+joinPackage), endOfEntries(`SELECT release FROM heads WHERE release < ? ORDER BY release DESC`)
		s.at, s.order = `h.release`, `h.release DESC`
		s.after = func(at place) condition { return where(`h.release < ?`, at.Entry) }
	}
	return s, nil
}

// few are the tables if the plan means few releases, which can be found without looking at
// others.
func (p *plan) few(t tx) (condition, error) {
	var from condition
	tags := p.rarest()
	switch {
	case p.content != 0, p.pkg != 0:
		from = where(`releases r`)
	case tags != nil && tags.contents <= smallSet:
		from = where(`(SELECT DISTINCT content FROM postings WHERE tag IN (`+marks(len(tags.ids))+`)) x CROSS JOIN releases r ON r.content = x.content`, anys(tags.ids)...)
	case p.keys != nil:
		var n int64
		if _, err := t.row(`SELECT SUM(releases) FROM keys WHERE id IN (`+marks(len(p.keys))+`)`, anys(p.keys), &n); err != nil || n > smallSet {
			return condition{}, err
		}
		from = where(`releases r INDEXED BY releases_key`)
	case p.query.Namespace != "" && p.sort == discovery.SortNewest:
		var n int64
		if _, err := t.row(`SELECT packages FROM namespaces WHERE name = ?`, []any{p.query.Namespace}, &n); err != nil || n > smallSet {
			return condition{}, err
		}
		return p.ofPackages(), nil
	default:
		return condition{}, nil
	}
	if !p.releases {
		from.text += ` CROSS JOIN heads h ON h.release = r.id`
	}
	from.text += joinPackage
	return from, nil
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

// read reads releases of sources from a place on, until there are limit of them, or the time
// is over. next is where the rest begins; nil if there is none.
func (x *Index) read(t tx, p *plan, sources []source, limit int) (all []found, next *place, err error) {
	from := p.token.place
	for start := time.Now(); from.Source < len(sources); {
		number := from.Source
		s := sources[number]
		var to place
		var upTo condition
		stops := false
		if s.end != nil && p.isSelective() {
			if to, upTo, stops, err = s.end(t, from, stretch); err != nil {
				return nil, nil, err
			}
			if !stops {
				upTo = condition{}
			}
		}
		some, err := x.readSource(t, p, s, from, upTo, limit+1-len(all))
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
		if len(all) > limit {
			return all[:limit], &all[limit-1].place, nil
		}
		if from = to; !stops {
			from = place{Source: number + 1}
		}
		if stops && time.Since(start) > pageTime {
			return all, &from, nil
		}
	}
	return all, nil, nil
}

// readSource reads up to limit releases of a source, from a place on and up to another.
func (x *Index) readSource(t tx, p *plan, s source, from place, upTo condition, limit int) (all []found, err error) {
	conditions := s.where
	if from.Name != "" || from.Entry != 0 {
		conditions = append(conditions[:len(conditions):len(conditions)], s.after(from))
	}
	if upTo.text != "" {
		conditions = append(conditions[:len(conditions):len(conditions)], upTo)
	}
	args := s.from.args[:len(s.from.args):len(s.from.args)]
	texts := make([]string, len(conditions))
	for i, c := range conditions {
		texts[i] = c.text
		args = append(args, c.args...)
	}
	query := `SELECT ` + summaryColumns + `, ` + s.at + ` FROM ` + s.from.text + ` WHERE ` + strings.Join(texts, ` AND `) + ` ORDER BY ` + s.order
	if p.fits == nil {
		query += ` LIMIT ? + 0`
		args = append(args, limit)
	}
	err = t.rows(query, args, func(scan func(...any) error) error {
		var at int64
		f, err := x.scanSummary(scan, &at)
		if err != nil {
			return err
		}
		if p.fits != nil && !p.fits.Matches(f.Version) {
			return nil
		}
		f.place = place{Source: from.Source, Name: f.Name, Rank: f.rank, Entry: at}
		if all = append(all, f); len(all) == limit {
			return errEnough
		}
		return nil
	})
	return all, err
}

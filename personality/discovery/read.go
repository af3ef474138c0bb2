package discovery

import (
	"slices"
	"strings"
	"time"
)

// columns are what is read of the releases of an answer, by a release r, its package p and
// content c, and how.
type columns struct {
	text string
	scan func(t tx, scan func(...any) error, more ...any) (found, error)
}

func (x *Index) summaries() columns { return columns{summaryColumns, x.scanSummary} }

// read reads releases of sources from a place on, until there are limit of them, or the time
// is over. next is where the rest begins; nil if there is none.
func (p *plan) read(t tx, what columns, sources []source, limit int) (all []found, next *place, err error) {
	from := p.token.place
	steps := leastStretch
	for start := time.Now(); from.Source < len(sources); {
		some, rest, err := p.readStretch(t, what, sources[from.Source], from, steps, limit+1-len(all))
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
		if len(all) > limit {
			return all[:limit], &all[limit-1].place, nil
		}
		if rest == nil {
			from = place{Source: from.Source + 1}
			continue
		}
		from, steps = *rest, min(2*steps, stretch)
		if time.Since(start) > pageTime {
			return all, &from, nil
		}
	}
	return all, nil, nil
}

// readStretch reads up to limit releases of a source, from a place on, and looks at so many
// steps of it, about. rest is where it stopped without them; nil: at the end.
func (p *plan) readStretch(t tx, what columns, s source, from place, steps, limit int) (all []found, rest *place, err error) {
	if s.listed != nil {
		return p.readListed(t, what, s, from, steps, limit)
	}
	if s.end == nil || !p.isSelective() {
		all, err = p.readSource(t, what, s, from, limit)
		return all, nil, err
	}
	to, upTo, more, err := s.end(t, from, steps)
	if err != nil {
		return nil, nil, err
	}
	if more {
		s.where = append(slices.Clip(s.where), upTo)
		rest = &to
	}
	all, err = p.readSource(t, what, s, from, limit)
	return all, rest, err
}

// readListed is readStretch of a source that finds entry ids first.
func (p *plan) readListed(t tx, what columns, s source, from place, steps, limit int) (all []found, rest *place, err error) {
	ids, more, err := s.listed(t, from, steps)
	if err != nil {
		return nil, nil, err
	}
	if more {
		rest = &place{Source: from.Source, Entry: ids[len(ids)-1]}
	}
	size := len(ids)
	if !p.isSelective() { // most of them are in the answer
		size = min(size, limit+2)
	}
	for piece := range slices.Chunk(ids, max(size, 1)) {
		one, table := s, idsIn(piece)
		one.from.text, one.from.args = table.text+one.from.text, append(table.args, one.from.args...)
		some, err := p.readSource(t, what, one, from, limit-len(all))
		if err != nil {
			return nil, nil, err
		}
		if all = append(all, some...); len(all) == limit {
			break
		}
	}
	return all, rest, nil
}

// readSource reads up to limit releases of a source, from a place on.
func (p *plan) readSource(t tx, what columns, s source, from place, limit int) (all []found, err error) {
	conditions := s.where
	if from.Name != "" || from.Entry != 0 {
		conditions = append(slices.Clip(conditions), s.after(from))
	}
	args := slices.Clone(s.from.args)
	texts := make([]string, len(conditions))
	for i, c := range conditions {
		texts[i] = c.text
		args = append(args, c.args...)
	}
	joined := joinDetails
	if !p.readsReleases() {
		joined = joinRelease + joinDetails
	}
	columns, tables, rows := what.text+`, `+s.at, s.from.text+joined, ` WHERE `+strings.Join(texts, ` AND `)
	if s.order != "" {
		rows += ` ORDER BY ` + s.order
	}
	if p.fits == nil {
		rows += ` LIMIT ? + 0`
		args = append(args, limit)
		if s.sorted { // only the first are read in full
			columns = what.text + `, x.at`
			tables = `(SELECT ` + p.of("id") + ` AS id, ` + s.at + ` AS at FROM ` + s.from.text + rows + `) x CROSS JOIN releases r ON r.id = x.id` + joinPackage + joinDetails
			rows = ` ORDER BY ` + strings.ReplaceAll(s.order, s.at, `x.at`)
		}
	}
	err = t.rows(`SELECT `+columns+` FROM `+tables+rows, args, func(scan func(...any) error) error {
		var at int64
		f, err := what.scan(t, scan, &at)
		if err != nil {
			return err
		}
		if p.fits != nil && !p.fits.Matches(f.Version) {
			return nil
		}
		f.place = place{Source: from.Source, Name: f.Name, Entry: at}
		if p.releases { // else no other one of the package is behind it
			f.place.Rank = f.rank
		}
		if all = append(all, f); len(all) == limit {
			return errEnough
		}
		return nil
	})
	return all, err
}

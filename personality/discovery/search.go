package discovery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Bounds of the work for one page.
const (
	// smallSet is how many contents or releases are read and sorted, where that many at
	// most can be meant; where there are more, all are looked at in the order of the answer.
	smallSet = 2000
	// leastStretch is how many are looked at before the time is looked at, at first; doubled
	// each time, up to stretch.
	leastStretch = 100
	stretch      = 2000
	// pageTime is after what time a page ends as it is, with fewer items than it may have.
	pageTime = 25 * time.Millisecond
	// maxCounted is how far matches of a search are counted.
	maxCounted = 50
	// maxByName is how many matches of a search are sorted by name: the newest.
	maxByName = 1000
	// waitForLog is how long a page waits for records that another process has seen.
	waitForLog = 2 * time.Second
)

// Search answers a query. The answer is not to be changed: others may get the same. Errors:
// [ErrBadQuery], [ErrUnavailable].
func (x *Index) Search(ctx context.Context, q discovery.Query) (discovery.Page, error) {
	size := func(page discovery.Page) int {
		if page.Next != "" && len(page.Items) < cmp.Or(q.Limit, discovery.DefaultLimit) {
			return -1 // it ended for want of time
		}
		return len(page.Items) * summarySize
	}
	return x.pages.get(x.Tag(), q, size, func() (discovery.Page, error) { return x.search(ctx, q) })
}

func (x *Index) search(ctx context.Context, q discovery.Query) (page discovery.Page, err error) {
	err = x.answer(ctx, func(t tx) error {
		p, err := prepare(t, q)
		if err != nil {
			return err
		}
		page, err = x.page(t, p)
		return err
	})
	return page, err
}

// answer runs f on a snapshot; once more if that is behind a page that another process gave.
func (x *Index) answer(ctx context.Context, f func(tx) error) error {
	end := time.Now().Add(waitForLog)
	for {
		newer := x.changed.Next()
		err := x.view(ctx, f)
		if err != ErrUnavailable || time.Now().After(end) || ctx.Err() != nil || x.failure.Load() != nil {
			return err
		}
		wake.Sleep(ctx, waitForLog/4, newer)
	}
}

// page makes a page of a prepared query.
func (x *Index) page(t tx, p *plan) (discovery.Page, error) {
	page := discovery.Page{Items: []discovery.Summary{}, LogLength: p.token.Length}
	if p.nothing {
		return page, nil
	}
	sources, err := p.sources(t)
	if err != nil {
		return page, err
	}
	found, next, err := p.read(t, x.summaries(), sources, p.limit)
	if err != nil {
		return page, err
	}
	for _, f := range found {
		page.Items = append(page.Items, f.Summary)
	}
	page.Total, page.AtLeast = p.token.Total, p.token.More
	if p.query.Page == "" {
		if page.Total, page.AtLeast, err = p.total(t, int64(len(found)), next != nil); err != nil {
			return page, err
		}
	}
	if next != nil {
		page.Next = token{place: *next, Query: p.token.Query, Length: p.token.Length, Total: page.Total, More: page.AtLeast}.String()
	}
	return page, nil
}

// total is how many releases an answer has, or at least has, on its first page.
func (p *plan) total(t tx, found int64, more bool) (n int64, atLeast bool, err error) {
	q := p.query
	if !more {
		return found, false, nil
	}
	plain := !p.releases && p.wish == 0 && p.keys == nil && p.pkg == 0 && p.content == 0
	switch {
	case !plain:
	case q.Search == "" && len(p.tags) == 0 && q.Namespace == "":
		_, err = t.row(`SELECT value FROM meta WHERE name = ?`, []any{metaFound}, &n)
		return n, false, err
	case q.Search == "" && len(p.tags) == 0:
		_, err = t.row(`SELECT packages FROM tags WHERE kind = ? AND name = ? AND version = ?`, []any{int64(tagNamespace), q.Namespace, anyVersion}, &n)
		return n, false, err
	case q.Search == "" && len(p.tags) == 1 && q.Namespace == "" && len(p.tags[0].ids) == 1:
		return p.tags[0].packages, false, nil
	case q.Search != "" && len(p.tags) == 0 && q.Namespace == "":
		n, atLeast, err = p.countFound(t)
		return max(n, found+1), atLeast || found >= maxCounted, err
	}
	return found + 1, true, nil
}

// sources are those of the answer to a plan.
func (p *plan) sources(t tx) ([]source, error) {
	if p.query.Search != "" {
		return p.searchSources(t)
	}
	s, err := p.listSource(t)
	return []source{s}, err
}

// countFound counts the heads that a search finds, those of its names and of its words, each of
// these up to maxCounted. It looks for the same as searchSources.
func (p *plan) countFound(t tx) (n int64, atLeast bool, err error) {
	words, err := p.searched(t)
	if err != nil {
		return 0, false, err
	}
	found := map[int64]bool{}
	isHead := p.isHead()
	find := func(from, fits condition) error {
		args := slices.Concat(from.args, fits.args, isHead.args, []any{maxCounted})
		return t.rows(`SELECT h.release FROM `+from.text+` WHERE `+fits.text+` AND `+isHead.text+` LIMIT ? + 0`, args, func(scan func(...any) error) error {
			var release int64
			err := scan(&release)
			found[release] = true
			return err
		})
	}
	if name := words.name; p.sort == discovery.SortRank && name.text != "" {
		column := `p.` + name.column
		err = find(where(`packages p CROSS JOIN heads h ON h.package = p.id`), where(column+` >= ? AND `+column+` < ?`, name.text, name.end()))
	}
	if len(words.groups) > 0 && len(found) < maxCounted && err == nil {
		var ids []int64
		if ids, atLeast, err = p.matching(t, words.in(""), entryID(p.token.Length, 0), leastStretch); err == nil {
			table := idsIn(ids)
			table.text += ` d CROSS JOIN heads h ON h.release = d.value`
			err = find(table, where(`TRUE`))
		}
	}
	return int64(min(len(found), maxCounted)), atLeast || len(found) >= maxCounted, err
}

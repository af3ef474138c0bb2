package discovery

import (
	"slices"
	"strings"
	"unicode"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxQueryWords bounds the words of a search that are looked at.
const maxQueryWords = 8

// searchWords are the words of a search, and what each may stand for.
type searchWords struct {
	name   searchedName
	groups [][]string // without those that nobody has
}

func readWords(t tx, search string) (w searchWords, err error) {
	words := wordsOf(search, maxQueryWords)
	w.name = nameIn(search, words)
	for _, word := range words {
		group, err := meanings(t, word)
		if err != nil {
			return w, err
		}
		if len(group) > 0 {
			w.groups = append(w.groups, group)
		}
	}
	return w, nil
}

// searched are the words of the plan's search, read once.
func (p *plan) searched(t tx) (searchWords, error) {
	if p.words == nil {
		words, err := readWords(t, p.query.Search)
		if err != nil {
			return words, err
		}
		p.words = &words
	}
	return *p.words, nil
}

// in is the query of FTS5 for documents with all words in some columns; "" for any.
func (w searchWords) in(columns string) string {
	var all []string
	for _, group := range w.groups {
		var some []string
		for _, word := range group {
			some = append(some, quoted(word))
		}
		all = append(all, "("+strings.Join(some, " OR ")+")")
	}
	text := "(" + strings.Join(all, " AND ") + ")"
	if columns != "" {
		text = "{" + columns + "} : " + text
	}
	return text
}

// searchSources are the sources of a search, the best first: packages of just that name;
// those whose name begins so; with all words in the name; in name and description; in name,
// description and interfaces.
func (p *plan) searchSources(t tx) ([]source, error) {
	words, err := p.searched(t)
	if err != nil {
		return nil, err
	}
	if p.sort != discovery.SortRank {
		if len(words.groups) == 0 {
			return nil, nil
		}
		if p.sort == discovery.SortNewest {
			return []source{p.docSource(words.in(""), "", searchedName{})}, nil
		}
		return []source{p.docsByName(words.in(""))}, nil
	}
	var sources []source
	if words.name.text != "" {
		sources = append(sources, p.nameSource(words.name))
	}
	if len(words.groups) > 0 {
		name, text, all := words.in("name"), words.in("name text"), words.in("")
		sources = append(sources, p.docSource(name, "", words.name), p.docSource(text, name, words.name), p.docSource(all, text, words.name))
	}
	return sources, nil
}

func (p *plan) headConditions() []condition {
	if p.releases {
		return p.conditions(nil)
	}
	return append(p.conditions(nil), p.isHead())
}

// nameSource are the packages whose name is, or begins with, that of a search: first those
// whose name it is.
func (p *plan) nameSource(name searchedName) source {
	column := `p.` + name.column
	s := source{from: p.ofPackages(), order: column + `, ` + p.byName(), at: p.of("id")}
	s.where = append(p.headConditions(), where(column+` >= ? AND `+column+` < ?`, name.text, name.end()))
	s.after = func(at place) condition {
		if len(at.Rank) == 0 {
			return where(`(`+column+`, p.name) > (?, ?)`, name.of(at.Name), at.Name)
		}
		return where(`(`+column+`, p.name) >= (?, ?) AND (p.name <> ? OR r.rank < ?)`, name.of(at.Name), at.Name, at.Name, at.Rank)
	}
	s.end = func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		to.Source = from.Source
		ok, err = t.row(`SELECT name FROM packages p WHERE `+column+` >= ? AND `+column+` < ? AND (`+column+`, name) > (?, ?) ORDER BY `+column+`, name LIMIT 1 OFFSET ? + 0`,
			[]any{name.text, name.end(), name.of(from.Name), from.Name, steps}, &to.Name)
		return to, where(`(`+column+`, p.name) <= (?, ?)`, name.of(to.Name), to.Name), ok, err
	}
	return s
}

// searchedName is what a search looks like as a name: of a package, or without the namespace.
type searchedName struct {
	column string // of packages
	text   string
}

func nameIn(search string, words []string) searchedName {
	if name, err := protocol.ParsePackageName(strings.ToLower(strings.TrimSpace(search))); err == nil {
		return searchedName{"name", name.String()}
	}
	return searchedName{"short", strings.Join(words, "-")}
}

func (n searchedName) end() string { return n.text + string(unicode.MaxRune) }

// of is the column of a package.
func (n searchedName) of(name string) string {
	if n.column == "name" {
		return name
	}
	_, short, _ := strings.Cut(name, ":")
	return short
}

// docSource are the documents that a query of FTS5 finds and another, which finds some of
// these, does not, newest first, but for packages whose name begins with one. without may be "".
func (p *plan) docSource(query, without string, but searchedName) source {
	s := source{where: p.conditions(nil), at: `d.value`} // in the order of the list
	s.where = append(append(s.where, p.isHead()), p.marked()...)
	if but.text != "" {
		s.where = append(s.where, where(`NOT (p.`+but.column+` >= ? AND p.`+but.column+` < ?)`, but.text, but.end()))
	}
	const heads = ` d CROSS JOIN heads h ON h.release = d.value`
	s.from = p.ofCandidates(p.withReleases(where(heads)), nil)
	s.after = func(at place) condition { return where(`d.value < ?`, at.Entry) }
	if p.releases {
		s.from, s.order, s.sorted = p.ofCandidates(where(heads+` CROSS JOIN releases r ON r.package = h.package`), nil), `d.value DESC, r.rank DESC`, true
		s.after = func(at place) condition {
			if len(at.Rank) == 0 {
				return where(`d.value < ?`, at.Entry)
			}
			return where(`d.value <= ? AND (d.value < ? OR r.rank < ?)`, at.Entry, at.Entry, at.Rank)
		}
	}
	s.listed = func(t tx, from place, most int) ([]int64, bool, error) {
		end := entryID(p.token.Length, 0) // exclusive
		if from.Entry != 0 {
			end = min(end, from.Entry)
		}
		if p.releases && len(from.Rank) > 0 {
			end++ // other releases of its package are behind it
		}
		return p.matches(t, query, without, end, most)
	}
	return s
}

// marked are conditions on a head h that most of those without the plan's tags do not fulfil.
func (p *plan) marked() (all []condition) {
	for _, one := range p.tags {
		if marks := marksOf(one.ids); marks != 0 && !p.releases {
			all = append(all, where(`h.marks & ? <> 0`, marks))
		}
	}
	return all
}

// matches returns up to most documents before end that a query finds and another does not,
// newest first, and whether there may be more. Of few it sees itself which of them both
// find: so FTS5 need not look for all words twice.
func (p *plan) matches(t tx, query, without string, end int64, most int) (ids []int64, more bool, err error) {
	if without == "" {
		return p.matching(t, query, end, most)
	}
	less, many, err := p.matching(t, without, end, most)
	if err == nil && !many {
		ids, many, err = p.matching(t, query, end, most)
	}
	if err != nil {
		return nil, false, err
	}
	if many {
		return p.matching(t, `(`+query+`) NOT (`+without+`)`, end, most)
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return slices.Contains(less, id) }), false, nil
}

// matching is matches of one query, which is asked once.
func (p *plan) matching(t tx, query string, end int64, most int) (ids []int64, more bool, err error) {
	asked := matchesOf{query, end, most}
	ids, known := p.matched[asked]
	if !known {
		err = t.rows(`SELECT rowid FROM docs WHERE docs MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ? + 0`, []any{query, end, most}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return nil, false, err
		}
		if p.matched == nil {
			p.matched = map[matchesOf][]int64{}
		}
		p.matched[asked] = ids
	}
	return ids, len(ids) == most, nil
}

// matchesOf is what was asked.
type matchesOf struct {
	query string
	end   int64
	most  int
}

// docsByName are the newest documents that a query finds, in the order of names.
func (p *plan) docsByName(query string) source {
	s := source{where: append(p.conditions(nil), p.isHead()), order: p.byName(), at: `d.id`, after: behindName, sorted: true}
	from := p.withReleases(where(`(SELECT rowid AS id FROM docs WHERE docs MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ? + 0) d CROSS JOIN heads h ON h.release = d.id`,
		query, entryID(p.token.Length, 0), maxByName))
	if p.releases {
		from.text += ` CROSS JOIN releases r ON r.package = h.package`
	}
	s.from = p.ofCandidates(from, nil)
	return s
}

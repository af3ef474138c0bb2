package discovery

import (
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
			return []source{p.docSource(words.in(""), searchedName{})}, nil
		}
		return []source{p.docsByName(words.in(""))}, nil
	}
	var sources []source
	if words.name.text != "" {
		sources = p.nameSources(words.name)
	}
	if len(words.groups) > 0 {
		name, text, all := words.in("name"), words.in("name text"), words.in("")
		sources = append(sources, p.docSource(name, words.name), p.docSource("("+text+") NOT ("+name+")", words.name), p.docSource("("+all+") NOT ("+text+")", words.name))
	}
	return sources, nil
}

func (p *plan) headConditions() []condition {
	if p.releases {
		return p.conditions()
	}
	return append(p.conditions(), p.isHead())
}

// nameSources are the packages whose name is, or begins with, that of a search.
func (p *plan) nameSources(name searchedName) []source {
	exact := source{
		from: p.ofPackages(), where: append(p.headConditions(), where(`p.`+name.column+` = ?`, name.text)),
		order: `p.name, r.rank DESC`, at: `r.id`, after: behindName,
	}
	begins := exact
	column := `p.` + name.column
	begins.where = append(p.headConditions(), where(column+` > ? AND `+column+` < ?`, name.text, name.end()))
	begins.order = column + `, p.name, r.rank DESC`
	begins.after = func(at place) condition {
		if len(at.Rank) == 0 {
			return where(`(`+column+`, p.name) > (?, ?)`, name.of(at.Name), at.Name)
		}
		return where(`(`+column+`, p.name) >= (?, ?) AND (p.name <> ? OR r.rank < ?)`, name.of(at.Name), at.Name, at.Name, at.Rank)
	}
	begins.end = func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		to.Source = from.Source
		ok, err = t.row(`SELECT name FROM packages p WHERE `+column+` > ? AND `+column+` < ? AND (`+column+`, name) > (?, ?) ORDER BY `+column+`, name LIMIT 1 OFFSET ? + 0`,
			[]any{name.text, name.end(), name.of(from.Name), from.Name, steps}, &to.Name)
		return to, where(`(`+column+`, p.name) <= (?, ?)`, name.of(to.Name), to.Name), ok, err
	}
	return []source{exact, begins}
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

// docSource are the documents that a query of FTS5 finds, newest first, but for packages
// whose name begins with one.
func (p *plan) docSource(query string, but searchedName) source {
	s := source{where: p.conditions(), at: `d.rowid`}
	s.where = append(s.where, p.isHead(), where(`d.docs MATCH ?`, query), where(`d.rowid < ?`, entryID(p.token.Length, 0)))
	if but.text != "" {
		s.where = append(s.where, where(`NOT (p.`+but.column+` >= ? AND p.`+but.column+` < ?)`, but.text, but.end()))
	}
	const heads = `docs d CROSS JOIN heads h ON h.release = d.rowid `
	s.from, s.order = where(heads+`CROSS JOIN releases r ON r.id = h.release`+joinPackage), `d.rowid DESC`
	s.after = func(at place) condition { return where(`d.rowid < ?`, at.Entry) }
	if p.releases {
		s.from, s.order = where(heads+`CROSS JOIN releases r ON r.package = h.package`+joinPackage), `d.rowid DESC, r.rank DESC`
		s.after = func(at place) condition {
			if len(at.Rank) == 0 {
				return where(`d.rowid < ?`, at.Entry)
			}
			return where(`d.rowid <= ? AND (d.rowid < ? OR r.rank < ?)`, at.Entry, at.Entry, at.Rank)
		}
	}
	s.end = func(t tx, from place, steps int) (to place, upTo condition, ok bool, err error) {
		if from.Entry == 0 {
			from.Entry = still
		}
		to.Source = from.Source
		ok, err = t.row(`SELECT rowid FROM docs WHERE docs MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT 1 OFFSET ? + 0`, []any{query, from.Entry, steps}, &to.Entry)
		return to, where(`d.rowid >= ?`, to.Entry), ok, err
	}
	return s
}

// docsByName are the newest documents that a query finds, in the order of names.
func (p *plan) docsByName(query string) source {
	s := source{where: append(p.conditions(), p.isHead()), order: `p.name, r.rank DESC`, at: `d.id`, after: behindName}
	on := `r.id = h.release`
	if p.releases {
		on = `r.package = h.package`
	}
	s.from = where(`(SELECT rowid AS id FROM docs WHERE docs MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ? + 0) d CROSS JOIN heads h ON h.release = d.id CROSS JOIN releases r ON `+on+joinPackage,
		query, entryID(p.token.Length, 0), maxByName)
	return s
}

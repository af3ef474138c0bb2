package discovery

import (
	"slices"
	"strings"
	"unicode"
)

// Words are letters and digits in a row, in lower case. Scripts that have no blanks between
// words are cut into pairs of letters.

// Bounds of the words of a text.
const (
	maxWord  = 40  // letters; longer ones are cut
	maxWords = 300 // different words of a document
)

// wordsOf returns the words of a text in order, up to a number of different ones.
func wordsOf(text string, limit int) []string {
	var words []string
	seen := map[string]bool{}
	var run []rune
	kind := between
	end := func() {
		for _, w := range wordsOfRun(run, kind) {
			if !seen[w] && len(words) < limit {
				seen[w] = true
				words = append(words, w)
			}
		}
		run = run[:0]
	}
	for _, r := range text {
		if k := kindOfRune(r); k != kind {
			end()
			kind = k
		}
		if len(words) == limit {
			return words
		}
		if len(run) < 4*maxWord {
			run = append(run, unicode.ToLower(r))
		}
	}
	end()
	return words
}

type runeKind int

const (
	between runeKind = iota // words
	inWord
	inPairs // of a script without blanks
)

func kindOfRune(r rune) runeKind {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
		return inPairs
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		return inWord
	}
	return between
}

// wordsOfRun returns the words of runes of one kind.
func wordsOfRun(run []rune, kind runeKind) (words []string) {
	switch {
	case kind == inWord || kind == inPairs && len(run) == 1:
		return []string{string(run[:min(len(run), maxWord)])}
	case kind == inPairs:
		for i := range len(run) - 1 {
			words = append(words, string(run[i:i+2]))
		}
	}
	return words
}

// learn puts words into the table of all words.
func learn(t tx, words []string) error {
	for _, w := range words {
		if t.db.known[w] {
			continue
		}
		if len(t.db.known) > maxKnown {
			clear(t.db.known)
		}
		t.db.known[w] = true
		made, err := t.exec(`INSERT OR IGNORE INTO words (word, back) VALUES (?, ?)`, w, backwards([]rune(w)))
		if err != nil {
			return err
		}
		if n, err := made.RowsAffected(); err != nil || n == 0 {
			continue
		}
		id, err := made.LastInsertId()
		if err != nil {
			return err
		}
		if err := t.do(`INSERT INTO trigrams (rowid, word) VALUES (?, ?)`, id, padded(w)); err != nil {
			return err
		}
	}
	return nil
}

// maxKnown bounds the words that are kept in memory.
const maxKnown = 20_000

// padded has blanks around a word, so that its ends have trigrams of their own.
func padded(word string) string { return "  " + word + "  " }

// How many other words a word of a query stands for, at most.
const (
	maxCompletions = 16 // of what is no word itself; of a word, fewer: its plural and the like
	maxLonger      = 4
	maxCorrections = 8
	maxCandidates  = 2000 // that are compared with a word that is not known
)

// meanings returns the words that a word of a query may stand for: itself and those that
// begin with it; else those in which it is; else those that are a typing error away, or two.
func meanings(t tx, word string) ([]string, error) {
	var found []string
	collect := func(query string, args ...any) error {
		return t.rows(query, args, func(scan func(...any) error) error {
			var w string
			err := scan(&w)
			found = append(found, w)
			return err
		})
	}
	if err := collect(`SELECT word FROM words WHERE word = ?`, word); err != nil {
		return nil, err
	}
	letters := []rune(word)
	if len(letters) >= 2 {
		most := maxCompletions
		if len(found) > 0 {
			most = maxLonger
		}
		err := collect(`SELECT word FROM (SELECT word FROM words WHERE word > ? AND word < ? ORDER BY word LIMIT 500) ORDER BY length(word), word LIMIT ? + 0`,
			word, word+string(unicode.MaxRune), most)
		if err != nil {
			return nil, err
		}
	}
	if len(found) > 0 || len(letters) < 3 {
		return found, nil
	}
	var inside []string
	for i := range len(letters) - 2 {
		inside = append(inside, quoted(string(letters[i:i+3])))
	}
	if err := candidates(t, strings.Join(inside, " AND "), func(w string) {
		if strings.Contains(w, word) {
			found = append(found, w)
		}
	}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b string) int { return len(a) - len(b) })
	if len(found) > 0 || len(letters) < 4 {
		return found[:min(len(found), maxCompletions)], nil
	}
	return corrections(t, letters)
}

// corrections returns the known words that are one typing error away from a word; if there
// are none and it is long, those that are two away.
func corrections(t tx, letters []rune) (found []string, err error) {
	take := func(allowed int) func(string) {
		return func(w string) {
			if distance(letters, []rune(w), allowed) <= allowed {
				found = append(found, w)
			}
		}
	}
	err = halves(t, letters, take(1))
	if err == nil && len(found) == 0 && len(letters) >= 8 {
		err = candidates(t, partsQuery(letters), take(2))
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found[:min(len(found), maxCorrections)], err
}

// halves calls f with the words that may be one typing error away from a word: that is in
// one half of it, so that the other half begins or ends them, or exchanges the letters
// between which the halves meet.
func halves(t tx, letters []rune, f func(word string)) error {
	half := len(letters) / 2
	for _, side := range []struct {
		column, begins string
		turn           func(string) string
	}{
		{"word", string(letters[:half]), func(w string) string { return w }},
		{"back", backwards(letters[half:]), func(w string) string { return backwards([]rune(w)) }},
	} {
		c := side.column
		err := t.rows(`SELECT `+c+` FROM (SELECT `+c+` FROM words WHERE `+c+` >= ? AND `+c+` < ? LIMIT ? + 0) WHERE length(`+c+`) BETWEEN ? AND ?`,
			[]any{side.begins, side.begins + string(unicode.MaxRune), maxCandidates, len(letters) - 1, len(letters) + 1}, func(scan func(...any) error) error {
				var w string
				err := scan(&w)
				f(side.turn(w))
				return err
			})
		if err != nil {
			return err
		}
	}
	other := slices.Clone(letters)
	other[half-1], other[half] = other[half], other[half-1]
	known, err := t.row(`SELECT 1 FROM words WHERE word = ?`, []any{string(other)}, new(int))
	if known {
		f(string(other))
	}
	return err
}

func backwards(letters []rune) string {
	letters = slices.Clone(letters)
	slices.Reverse(letters)
	return string(letters)
}

// partsQuery asks for the words that have the first, the middle or the last part of a long
// word: of two typing errors one part at least has none.
func partsQuery(letters []rune) string {
	all := []rune(padded(string(letters)))
	part := func(from, to int) string { // all trigrams between two places
		var some []string
		for i := from; i+3 <= to; i++ {
			some = append(some, quoted(string(all[i:i+3])))
		}
		return "(" + strings.Join(some, " AND ") + ")"
	}
	n := len(letters)
	third := n / 3
	return strings.Join([]string{part(0, 2+third), part(len(all)-2-third, len(all)), part(2+third, 2+n-third)}, " OR ")
}

// candidates calls f with the words that a query of trigrams finds.
func candidates(t tx, query string, f func(word string)) error {
	return t.rows(`SELECT word FROM words WHERE id IN (SELECT rowid FROM trigrams WHERE trigrams MATCH ? LIMIT ? + 0)`, []any{query, maxCandidates}, func(scan func(...any) error) error {
		var w string
		err := scan(&w)
		f(w)
		return err
	})
}

// quoted is a string of a query of FTS5.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// distance is how many letters have to be put in, left out, replaced or exchanged with
// their neighbour to make b of a; more than limit if there are more.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next[0] = i + 1
		least := next[0]
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
			least = min(least, next[j+1])
		}
		if least > limit {
			return limit + 1
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

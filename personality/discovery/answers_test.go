package discovery

import (
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// asked counts how often an answer had to be found.
type asked struct {
	answers[string]
	times int
}

func (a *asked) get(tag, search, answer string, size int, fails error) (string, error) {
	return a.answers.get(tag, discovery.Query{Search: search}, func(string) int { return size }, func() (string, error) {
		a.times++
		return answer, fails
	})
}

func TestAnswersAreKeptUntilTheIndexChanges(t *testing.T) {
	var a asked
	for _, c := range []struct {
		tag, search, answer string
		size                int
		fails               error
		want                string
		times               int // that answers were found, so far
	}{
		{"1", "http", "first", 1, nil, "first", 1},
		{"1", "http", "never", 1, nil, "first", 1},
		{"1", "json", "other", 1, nil, "other", 2},
		{"2", "http", "second", 1, nil, "second", 3},
		{"2", "http", "never", 1, nil, "second", 3},
		{"2", "json", "third", 1, errors.New("no"), "third", 4},
		{"2", "json", "fourth", -1, nil, "fourth", 5}, // the failure was not kept
		{"2", "json", "fifth", 1, nil, "fifth", 6},    // what is not complete neither
		{"1", "json", "old", 1, nil, "old", 7},
		{"3", "large", "large", maxAnswers, nil, "large", 8},
		{"3", "more", "more", 1, nil, "more", 9}, // for which the others go
		{"3", "large", "again", 1, nil, "again", 10},
	} {
		got, err := a.get(c.tag, c.search, c.answer, c.size, c.fails)
		if got != c.want || !errors.Is(err, c.fails) || a.times != c.times {
			t.Errorf("%+v: %q, %v after %d", c, got, err, a.times)
		}
	}
}

// What others may get, too, is what the index has: after each change it is looked for again.
func TestSearchSeesEachChange(t *testing.T) {
	w, alice, _, digests := shop(t)
	x := w.index()
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "example:http 0.1.0, example:http-server 1.0.0"},
		{func() { w.release("example:news", "1.0.0", alice, component("News", nil, nil)) }, "example:http 0.1.0, example:http-server 1.0.0, example:news 1.0.0"},
		{func() { w.withhold(withheld.Withhold, digests["example:http-server 1.0.0"]) }, "example:http 0.1.0, example:http-server 0.9.0, example:news 1.0.0"},
	} {
		c.change()
		w.upToDate(x)
		for range 2 {
			page, err := x.Search(t.Context(), discovery.Query{Namespace: "example"})
			if err != nil || names(page) != c.want {
				t.Errorf("got %s, %v, want %s", names(page), err, c.want)
			}
		}
	}
}

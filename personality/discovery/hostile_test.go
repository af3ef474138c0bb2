package discovery

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const evil = "<script>alert(1)</script>\x00\x1b[31m\u202egnp\u2028'\"`; DROP TABLE releases; -- \xff"

// hostilePackage is a content whose every part means harm.
func hostilePackage() inside {
	d := discovery.Description{
		Kind: discovery.KindComponent, Name: evil, Problems: []string{evil},
		Metadata: discovery.Metadata{Authors: evil, Description: strings.Repeat(evil+" many words ", 20_000), Licenses: strings.Repeat("MIT OR ", 50_000) + evil, Source: "javascript:" + evil, Homepage: evil, Revision: evil, Version: evil},
	}
	for i := range 10_000 {
		e := extern(fmt.Sprintf("wasi:filesystem/types%d@0.2.%d", i, i))
		if i%2 == 0 {
			e = discovery.Extern{Name: evil + fmt.Sprint(i), Kind: evil, Package: evil, Interface: strings.Repeat("x", i), Version: "^0"}
		}
		d.Imports.Items = append(d.Imports.Items, e)
	}
	d.Imports.Total = 10_000
	d.Exports = d.Imports
	return inside{Description: d, wit: &discovery.WIT{Text: strings.Repeat(evil, 30_000)}}
}

// A hostile package changes nothing but its own row: all others are found and shown as
// without it, and what is said of it is bounded.
func TestHostilePackage(t *testing.T) {
	w, alice, _, _ := shop(t)
	queries := []discovery.Query{{}, {Search: "http"}, {Search: "servre"}, {Kind: discovery.KindComponent}, {License: "MIT"}, {Imports: []string{"other:parser/api"}}, {Sort: discovery.SortNewest}}
	ask := func(x *Index) (all []string) {
		for _, q := range queries {
			page, err := x.Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			text := names(page)
			for _, sep := range []string{"zzz:evil 1.0.0, ", ", zzz:evil 1.0.0", "zzz:evil 1.0.0"} {
				text = strings.ReplaceAll(text, sep, "")
			}
			all = append(all, text)
		}
		return all
	}
	before := ask(w.index())
	w.now = time.Unix(math.MaxInt32*1000, 0) // the author's clock
	w.release("zzz:evil", "1.0.0", alice, hostilePackage())
	x := w.index()
	for i, got := range ask(x) {
		if got != before[i] {
			t.Errorf("%+v: got %s, want %s", queries[i], got, before[i])
		}
	}
	page, err := x.Search(t.Context(), discovery.Query{Namespace: "zzz"})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	item := page.Items[0]
	if len(item.Description) > maxLine || len(item.License) > maxLicense || strings.ContainsAny(item.Description+item.License, "\x00\x1b\n\u2028") {
		t.Errorf("%q, %q", item.Description, item.License)
	}
	if text, err := json.Marshal(page); err != nil || len(text) > 4096 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	release, err := x.Release(t.Context(), "zzz:evil", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range release.Needs {
		if len(need.Interfaces) > maxNeeded {
			t.Errorf("%s is needed by %d", need.Name, len(need.Interfaces))
		}
	}
	if facets, err := x.Facets(t.Context(), discovery.Query{}); err != nil || len(facets.Imports) > maxFacets {
		t.Errorf("%+v, %v", facets, err)
	}
	if _, err := x.Interface(t.Context(), evil, ""); err != nil && err != ErrNotFound {
		t.Error(err)
	}
	for _, q := range []discovery.Query{{Search: evil}, {License: evil}, {Imports: []string{"<script>' OR 1=1 --"}}, {Signatures: []string{`"; DROP TABLE keys`}}} {
		if _, err := x.Search(t.Context(), q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestNanoseconds(t *testing.T) {
	for _, seconds := range []int64{math.MinInt64, math.MinInt64 / int64(time.Second), -1, 0, 1, math.MaxInt64 / int64(time.Second), math.MaxInt64} {
		at := timeOf(nanoseconds(protocol.Time{Seconds: seconds, Nanos: 999_999_999}))
		if _, err := at.MarshalJSON(); err != nil {
			t.Errorf("%d: %v", seconds, err)
		}
		if seconds > -9e9 && seconds < 9e9 && at.Unix() != seconds {
			t.Errorf("%d is %s", seconds, at)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"Hello, hello WORLD-wide":  "hello world wide",
		"ns:my-name2":              "ns my name2",
		"日本語 text 字":               "日本 本語 text 字",
		"a\xffb\x00c":              "a b c",
		strings.Repeat("x", 10000): strings.Repeat("x", maxWord),
		"Größe":                    "größe",
	} {
		if got := strings.Join(wordsOf(text, maxWords), " "); got != want {
			t.Errorf("%.50q: %q, want %q", text, got, want)
		}
	}
	if got := len(wordsOf(strings.Repeat("a b c d ", 10), 3)); got != 3 {
		t.Errorf("%d words", got)
	}
}

func FuzzTexts(f *testing.F) {
	for _, text := range []string{"http", `"`, "a*", "日本", evil, "NEAR(a b)", "ns:name", "\u0000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range wordsOf(text, maxWords) {
			if again := wordsOf(w, maxWords); len(again) == 0 {
				t.Errorf("%q has the word %q, which is none", text, w)
			}
		}
		if n := len(line(text, 50)); n > 50 {
			t.Errorf("a line of %d bytes", n)
		}
		for _, id := range licenseIDs(text) {
			if strings.ContainsAny(id, " ()") || id == "" {
				t.Errorf("%q has the identifier %q", text, id)
			}
		}
	})
}

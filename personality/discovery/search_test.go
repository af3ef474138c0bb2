package discovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// names are the releases of an answer, "example:a 1.0.0".
func names(page discovery.Page) string {
	var all []string
	for _, item := range page.Items {
		all = append(all, item.Name+" "+item.Version)
	}
	return strings.Join(all, ", ")
}

// shop is a world with some packages.
func shop(t *testing.T) (w *world, alice, bob protocol.PrivateKey, digests map[string]protocol.Hash) {
	w = newWorld(t)
	alice, bob = newKey(t), newKey(t)
	digests = map[string]protocol.Hash{}
	release := func(name, version string, key protocol.PrivateKey, what inside) {
		digests[name+" "+version] = w.release(name, version, key, what)
	}
	release("example:http-server", "0.9.0", alice, component("Serves pages", []string{"wasi:http/incoming-handler@0.2.0"}, []string{"wasi:filesystem/types@0.2.0"}))
	release("example:http-server", "1.0.0", alice, component("Serves pages quickly", []string{"wasi:http/incoming-handler@0.2.3"}, []string{"wasi:filesystem/types@0.2.0", "wasi:io/streams@0.2.3"}))
	release("example:http-server", "2.0.0-rc.1", alice, component("Serves everything", []string{"wasi:http/incoming-handler@0.3.0-rc-2025-09-16"}, nil))
	release("example:http", "0.1.0", bob, inside{Description: discovery.Description{Kind: discovery.KindWIT, Metadata: discovery.Metadata{Description: "Types of the protocol", Licenses: "MIT"}}})
	release("other:parser", "1.2.3", bob, component("Parses JSON", []string{"other:parser/api"}, nil))
	release("other:json", "1.0.0", bob, component("A server of documents", nil, []string{"other:parser/api", "example:http/types@0.1.0"}))
	release("other:broken", "1.0.0", bob, component("Broken http", nil, nil))
	release("other:broken", "1.1.0", bob, component("Broken again", nil, nil))
	w.publish("other:broken", bob, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.1.0"})
	release("other:gone", "1.0.0", bob, component("All gone", []string{"wasi:cli/run@0.2.0"}, nil))
	w.publish("other:gone", bob, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.0"})
	release("other:secret", "1.0.0", bob, component("A secret server", []string{"wasi:cli/run@0.2.0"}, nil))
	w.withhold(withheld.Withhold, digests["other:secret 1.0.0"])
	release("other:beta", "1.0.0-beta", bob, inside{Description: discovery.Description{Kind: discovery.KindModule, Metadata: discovery.Metadata{Licenses: "Zlib"}}})
	return w, alice, bob, digests
}

func TestSearch(t *testing.T) {
	w, alice, _, digests := shop(t)
	x := w.index()
	const all = "example:http 0.1.0, example:http-server 1.0.0, other:beta 1.0.0-beta, other:broken 1.0.0, other:json 1.0.0, other:parser 1.2.3"
	for _, c := range []struct {
		query discovery.Query
		want  string
	}{
		{discovery.Query{}, all},
		{discovery.Query{Sort: discovery.SortNewest}, "other:beta 1.0.0-beta, other:broken 1.0.0, other:json 1.0.0, other:parser 1.2.3, example:http 0.1.0, example:http-server 1.0.0"},
		{discovery.Query{Namespace: "example"}, "example:http 0.1.0, example:http-server 1.0.0"},
		{discovery.Query{Namespace: "example", Sort: discovery.SortNewest}, "example:http 0.1.0, example:http-server 1.0.0"},
		{discovery.Query{Namespace: "nobody"}, ""},
		{discovery.Query{Package: "example:http-server"}, "example:http-server 1.0.0"},
		{discovery.Query{Package: "example:http-server", PreRelease: true}, "example:http-server 2.0.0-rc.1"},
		{discovery.Query{Package: "example:http-server", Versions: "all"}, "example:http-server 1.0.0, example:http-server 0.9.0"},
		{discovery.Query{Package: "example:http-server", Versions: "all", PreRelease: true}, "example:http-server 2.0.0-rc.1, example:http-server 1.0.0, example:http-server 0.9.0"},
		{discovery.Query{Versions: "<1"}, "example:http 0.1.0, example:http-server 0.9.0"},
		{discovery.Query{Versions: ">=2.0.0-rc, <3"}, "example:http-server 2.0.0-rc.1"},
		{discovery.Query{Package: "other:nothing"}, ""},
		{discovery.Query{Kind: discovery.KindWIT}, "example:http 0.1.0"},
		{discovery.Query{Kind: discovery.KindModule}, "other:beta 1.0.0-beta"},
		{discovery.Query{License: "mit"}, "example:http 0.1.0, example:http-server 1.0.0, other:broken 1.0.0, other:json 1.0.0, other:parser 1.2.3"},
		{discovery.Query{License: "LLVM-exception", Namespace: "example"}, "example:http-server 1.0.0"},
		{discovery.Query{License: "GPL-3.0-only"}, ""},
		{discovery.Query{Exports: []string{"wasi:http/incoming-handler"}}, "example:http-server 1.0.0"},
		{discovery.Query{Exports: []string{"wasi:http/incoming-handler@^0.2"}}, "example:http-server 1.0.0"},
		{discovery.Query{Exports: []string{"wasi:http/incoming-handler@^0.3"}}, ""},
		{discovery.Query{Exports: []string{"wasi:http/incoming-handler@=0.2.0"}, Versions: "all"}, "example:http-server 0.9.0"},
		{discovery.Query{Exports: []string{"wasi:http/incoming-handler@0.3.0-rc-2025-09-16"}, PreRelease: true}, "example:http-server 2.0.0-rc.1"},
		{discovery.Query{Imports: []string{"wasi:filesystem/types", "wasi:io/streams@^0.2"}}, "example:http-server 1.0.0"},
		{discovery.Query{Imports: []string{"wasi:filesystem/types", "other:parser/api"}}, ""},
		{discovery.Query{Signatures: []string{string(alice.Public().ID())}}, "example:http-server 1.0.0"},
		{discovery.Query{Signatures: []string{"sha256:nobody"}}, ""},
		{discovery.Query{Digest: digests["example:http-server 0.9.0"].String()}, "example:http-server 0.9.0"},
		{discovery.Query{Digest: digests["other:gone 1.0.0"].String()}, "other:gone 1.0.0"},
		{discovery.Query{Digest: digests["other:gone 1.0.0"].String(), Versions: "latest"}, ""},
		{discovery.Query{Yanked: true, Namespace: "other"}, "other:beta 1.0.0-beta, other:broken 1.1.0, other:gone 1.0.0, other:json 1.0.0, other:parser 1.2.3"},
		{discovery.Query{Withheld: true, Namespace: "other"}, "other:beta 1.0.0-beta, other:broken 1.0.0, other:json 1.0.0, other:parser 1.2.3, other:secret 1.0.0"},
		{discovery.Query{Withheld: true, Exports: []string{"wasi:cli/run"}}, ""},

		{discovery.Query{Search: "http"}, "example:http 0.1.0, example:http-server 1.0.0, other:broken 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "example:http"}, "example:http 0.1.0, example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "server"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "SERVER", Namespace: "other"}, "other:json 1.0.0"},
		{discovery.Query{Search: "servre"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "serxver"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "srver"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "xerver"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "servex"}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "serevr"}, "example:http-server 1.0.0, other:json 1.0.0"}, // where its halves meet
		{discovery.Query{Search: "docuemnst"}, "other:json 1.0.0"},
		{discovery.Query{Search: "xocumentx"}, "other:json 1.0.0"},
		{discovery.Query{Search: "xocumexxs"}, ""},
		{discovery.Query{Search: "sevrer pages"}, "example:http-server 1.0.0"},
		{discovery.Query{Search: "htpp"}, "example:http 0.1.0, example:http-server 1.0.0, other:broken 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "arse"}, "other:parser 1.2.3, other:json 1.0.0"},
		{discovery.Query{Search: "incoming handler"}, "example:http-server 1.0.0"},
		{discovery.Query{Search: "secret"}, ""},
		{discovery.Query{Search: "secret", Withheld: true}, "other:secret 1.0.0"},
		{discovery.Query{Search: "gone"}, ""},
		{discovery.Query{Search: "gone", Yanked: true}, "other:gone 1.0.0"},
		{discovery.Query{Search: "server", Sort: discovery.SortNewest}, "other:json 1.0.0, example:http-server 1.0.0"},
		{discovery.Query{Search: "server", Sort: discovery.SortName}, "example:http-server 1.0.0, other:json 1.0.0"},
		{discovery.Query{Search: "http", Versions: "all", Namespace: "example"}, "example:http 0.1.0, example:http-server 1.0.0, example:http-server 0.9.0"},
		{discovery.Query{Search: "pages", Versions: "all"}, "example:http-server 1.0.0, example:http-server 0.9.0"},
		{discovery.Query{Search: "everything", Versions: "all", PreRelease: true, Sort: discovery.SortNewest}, "example:http-server 2.0.0-rc.1, example:http-server 1.0.0, example:http-server 0.9.0"},
		{discovery.Query{Search: "http", Kind: discovery.KindComponent, Exports: []string{"wasi:http/incoming-handler"}}, "example:http-server 1.0.0"},
		{discovery.Query{Search: `" OR * NEAR( {x} : `}, ""},
		{discovery.Query{Search: "…"}, ""},
		{discovery.Query{Search: "\xff\xfe"}, ""},
	} {
		page, err := x.Search(t.Context(), c.query)
		if err != nil {
			t.Errorf("%+v: %v", c.query, err)
			continue
		}
		if got := names(page); got != c.want {
			t.Errorf("%+v:\n got %s\nwant %s", c.query, got, c.want)
		}
		if page.LogLength != uint64(len(w.log)) || page.AtLeast || page.Total != int64(len(page.Items)) || page.Next != "" || page.Items == nil {
			t.Errorf("%+v: %+v", c.query, page)
		}
		if got, want := pages(t, x, c.query), strings.Split(c.want, ", "); c.want != "" && !slices.Equal(got, want) {
			t.Errorf("%+v one a page:\n got %s\nwant %s", c.query, got, want)
		}
	}
}

// pages are the releases of an answer, asked for one a page.
func pages(t *testing.T, x *Index, q discovery.Query) (all []string) {
	t.Helper()
	q.Limit = 1
	for range 100 {
		page, err := x.Search(t.Context(), q)
		if err != nil {
			t.Errorf("%+v: %v", q, err)
			return all
		}
		if len(page.Items) > 0 {
			all = append(all, names(page))
		}
		if page.Next == "" {
			return all
		}
		q.Page = page.Next
	}
	t.Errorf("%+v has no end", q)
	return all
}

// The number of items on the first page is that of all pages, or the least that is known: with
// heads of other wishes (yanked, pre-releases), words of one letter, names that begin with what
// is searched, and words that nobody has.
func TestTotals(t *testing.T) {
	w, _, _, _ := shop(t)
	x := w.index()
	for _, search := range []string{"h", "o", "http", "p", "ht", "example", "other", "example:h", "other:", "s", "server", "broken", "zzz", "h zzz", "other:b", "b", "g", "…"} {
		for _, sort := range []string{discovery.SortRank, discovery.SortName, discovery.SortNewest} {
			q := discovery.Query{Search: search, Sort: sort}
			all := pages(t, x, q)
			q.Limit = 1
			page, err := x.Search(t.Context(), q)
			if err != nil {
				t.Errorf("%+v: %v", q, err)
				continue
			}
			if n := int64(len(all)); page.Total != n && !(page.AtLeast && page.Total <= n) {
				t.Errorf("%+v: total %d (at least: %t), but there are %s", q, page.Total, page.AtLeast, all)
			}
		}
	}
}

func TestBadQueries(t *testing.T) {
	w, _, _, _ := shop(t)
	x := w.index()
	first, err := x.Search(t.Context(), discovery.Query{Limit: 1})
	if err != nil || first.Next == "" {
		t.Fatal(first, err)
	}
	for _, c := range []struct {
		query discovery.Query
		want  string
	}{
		{discovery.Query{Search: strings.Repeat("x", 201)}, "201 bytes"},
		{discovery.Query{Limit: 101}, "limit is 101"},
		{discovery.Query{Limit: -1}, "limit is -1"},
		{discovery.Query{Namespace: "A b"}, `namespace "A b"`},
		{discovery.Query{Package: "nocolon"}, "nocolon"},
		{discovery.Query{Kind: "tree"}, `kind "tree"`},
		{discovery.Query{Digest: "sha256:12"}, "digest"},
		{discovery.Query{Sort: "best"}, `sort "best"`},
		{discovery.Query{Sort: "rank"}, "needs a search"},
		{discovery.Query{Versions: "^x"}, "versions"},
		{discovery.Query{Imports: []string{"wasi:http/types@^x"}}, "imports"},
		{discovery.Query{Exports: make([]string, 9)}, "exports has 9"},
		{discovery.Query{Signatures: []string{""}}, "signatures has a value that is empty"},
		{discovery.Query{License: "( )"}, "license"},
		{discovery.Query{Page: "x"}, "page is not one"},
		{discovery.Query{Page: strings.Repeat("A", 4000)}, "page is not one"},
		{discovery.Query{Page: token{Total: -5}.String()}, "page is not one"},
		{discovery.Query{Page: first.Next, Kind: "wit"}, "another query"},
	} {
		_, err := x.Search(t.Context(), c.query)
		if !errors.Is(err, ErrBadQuery) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.query, err, c.want)
		}
	}
}

// A page that begins behind another one skips and repeats nothing, though releases come,
// versions are yanked and packages become newer meanwhile.
func TestPagesStayStable(t *testing.T) {
	for _, q := range []discovery.Query{{}, {Sort: discovery.SortNewest}, {Search: "thing"}, {Versions: "all"}, {Kind: "component"}, {Search: "thing", Sort: discovery.SortNewest}} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			w := newWorld(t)
			key := newKey(t)
			for i := range 20 {
				w.release(fmt.Sprintf("example:thing-%c", 'a'+i), "1.0.0", key, component("A thing", nil, nil))
			}
			x := w.index()
			before := pages(t, x, q)
			if len(before) != 20 {
				t.Fatalf("there are %d: %s", len(before), before)
			}
			q.Limit = 3
			var got []string
			for range 100 {
				page, err := x.Search(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Items) > 0 {
					got = append(got, strings.Split(names(page), ", ")...)
				}
				if page.LogLength != 21 || page.Total != 20 && !page.AtLeast {
					t.Errorf("%+v", page)
				}
				if page.Next == "" {
					break
				}
				q.Page = page.Next
				n := len(got)
				w.release(fmt.Sprintf("example:thing-%c", 'a'+n%20), fmt.Sprintf("1.0.%d", n), key, component("A thing", nil, nil))
				w.release(fmt.Sprintf("example:thing-%c%c", 'a'+n%20, 'a'+n%20), "1.0.0", key, component("A thing", nil, nil))
				w.upToDate(x)
			}
			if !slices.Equal(got, before) {
				t.Errorf("\n got %s\nwant %s", got, before)
			}
		})
	}
}

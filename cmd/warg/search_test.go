package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What was published is found in a while.
func TestSearch(t *testing.T) {
	t.Parallel()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	r := openRegistryWith(t, key, func(o *personality.Options) { o.Discovery = true })
	u := newPublisher(t, r.url)
	u.release("example:hello-world", "1.0.0", "first")
	u.release("example:other", "1.0.0", "second")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		stdout, _, status := u.run("search", "--json")
		if status == exitDone && strings.Contains(stdout, `"example:other"`) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is found: %s", stdout)
		}
	}
	said := u.expect(exitDone, "example:hello-world", "search", "helo", "--namespace", "example")
	if strings.Contains(said, "example:other") || !strings.Contains(said, "1 of 1. Nothing of this is verified") {
		t.Errorf("%s", said)
	}
	u.expect(exitDone, "nothing was found", "search", "--kind", "wit")
	u.expect(exitRefused, "page is not one that this registry gave", "search", "--page", "x")
	u.expect(exitUsage, "--limit is 0", "search", "--limit", "0")
}

// All flags travel, pages are asked for until there are enough, and no text of a package
// does anything to a terminal or to the table.
func TestSearchOfHostileRegistry(t *testing.T) {
	t.Parallel()
	const evil = "\x1b[31mred\tcell\nline\u202egnp"
	var asked []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+discovery.PackagesPath {
			http.NotFound(w, r)
			return
		}
		q, err := discovery.ParseQuery(r.URL.Query())
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, r.URL.RawQuery)
		page := discovery.Page{Total: 1000, AtLeast: true, Next: fmt.Sprintf("next-%d", len(asked))}
		for range min(q.Limit, 3) {
			page.Items = append(page.Items, discovery.Summary{Name: "example:a" + evil, Version: "1.0.0", Kind: evil, License: strings.Repeat("ü", 100), Description: evil,
				Yanked: &discovery.Change{}, Withheld: &discovery.Reason{}})
		}
		json.NewEncoder(w).Encode(page)
	})
	u := newUser(t)
	u.expect(exitDone, "Set", "config", "--registry", url)
	said := u.expect(exitDone, "7 of 1000 or more", "search", "a", "b c", "--namespace", "example", "--package", "example:a", "--imports", "wasi:http/types@>=0.2, <0.3", "--imports", "wasi:io/streams",
		"--exports", "wasi:cli/run", "--license", "MIT", "--kind", "component", "--digest", "sha256:00", "--signature", "sha256:aa", "--versions", ">=1, <2", "--pre-release",
		"--yanked", "--withheld", "--sort", "newest", "--limit", "7", "--page", "first")
	if strings.ContainsAny(said, "\x1b\u202e\t") || strings.Count(said, "\n") != 1+7+2 || strings.Count(said, "1.0.0 (yanked) (withheld)") != 7 {
		t.Errorf("%q", said)
	}
	want := discovery.Query{Search: "a b c", Namespace: "example", Package: "example:a", Imports: []string{"wasi:http/types@>=0.2, <0.3", "wasi:io/streams"}, Exports: []string{"wasi:cli/run"},
		License: "MIT", Kind: "component", Digest: "sha256:00", Signatures: []string{"sha256:aa"}, Versions: ">=1, <2", PreRelease: true, Yanked: true, Withheld: true, Sort: "newest", Limit: 7, Page: "first"}
	for i, limit := range []int{7, 4, 1} {
		if want.Limit = limit; i > 0 {
			want.Page = fmt.Sprintf("next-%d", i)
		}
		if len(asked) != 3 || asked[i] != want.Values().Encode() {
			t.Errorf("request %d of %d is %s, want %s", i, len(asked), asked[i], want.Values().Encode())
		}
	}
	asJSON := u.expect(exitDone, `"type":"search"`, "search", "--json")
	if strings.ContainsAny(asJSON, "\x1b\u202e") || strings.Count(asJSON, "\n") != 1 {
		t.Errorf("%q", asJSON)
	}
	u.expect(exitDone, "Set", "config", "--registry", serve(t, http.NotFound))
	u.expect(exitRefused, "the registry can not be searched", "search")
}

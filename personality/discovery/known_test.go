package discovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Known and Interface agree on which interfaces there are: those that the newest releases use, and
// those of packages that have one.
func TestKnownInterfaces(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.release("wasi:http", "0.2.0", key, inside{Description: discovery.Description{Kind: discovery.KindWIT}})
	w.publish("wasi:empty", key)
	w.release("example:a", "1.0.0", key, component("", []string{"old:export/it@1.0.0"}, []string{"old:import/it"}))
	w.release("example:a", "2.0.0", key, component("", []string{"new:export/it@2.0.0"}, []string{"new:import/it"}))
	w.release("example:gone", "1.0.0", key, component("", []string{"gone:export/it"}, nil))
	w.publish("example:gone", key, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.0"})
	x := w.index()
	want := map[string]bool{
		"new:export/it": true, "new:import/it": true, "wasi:http/types": true,
		"old:export/it": false, "old:import/it": false, "gone:export/it": false, "wasi:empty/types": false, "nobody:has/this": false, "": false,
	}
	var names []string
	for name := range want {
		names = append(names, name)
	}
	known, err := x.Known(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	for name, is := range want {
		_, err := x.Interface(t.Context(), name, "")
		if known[name] != is || (err == nil) != is || !is && !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: known %v, %v; want %v", name, known[name], err, is)
		}
	}
	var many []string
	for i := range maxLookedFor {
		many = append(many, fmt.Sprintf("nobody:has/a%d", i))
	}
	if known, err := x.Known(t.Context(), append(many, "new:export/it")); err != nil || len(known) != 0 {
		t.Errorf("behind %d names: %v, %v", len(many), known, err)
	}
}

// Identifiers of licences are shown as SPDX spells them, and found in any case.
func TestLicensesAreSpelledBySPDX(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	for i, expression := range []string{"apache-2.0 with llvm-EXCEPTION or MIT", "gpl-2.0+", "LICENSEREF-Our-Terms", "documentref-Other:licenseref-x", "No Licence"} {
		w.release(fmt.Sprintf("example:a%d", i), "1.0.0", key, inside{Description: discovery.Description{Kind: discovery.KindModule, Metadata: discovery.Metadata{Licenses: expression}}})
	}
	x := w.index()
	want := "Apache-2.0 DocumentRef-other:LicenseRef-x GPL-2.0 LLVM-exception LicenseRef-our-terms MIT licence no"
	for _, q := range []discovery.Query{{}, {Namespace: "example"}} {
		facets, err := x.Facets(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range facets.Licenses {
			found = append(found, f.Value)
			for _, asked := range []string{f.Value, strings.ToUpper(f.Value), strings.ToLower(f.Value)} {
				if page, err := x.Search(t.Context(), discovery.Query{License: asked}); err != nil || page.Total != f.Count {
					t.Errorf("with licence %q there are %d packages, want %d: %v", asked, page.Total, f.Count, err)
				}
			}
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%+v: the licences are %s, want %s", q, got, want)
		}
	}
}

package discovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// everything is what an index has.
func everything(t *testing.T, x *Index) string {
	t.Helper()
	page, err := x.Search(t.Context(), discovery.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return names(page)
}

// An index goes on where it was, and describes nothing twice.
func TestResume(t *testing.T) {
	w, _, bob, _ := shop(t)
	dir := t.TempDir()
	x, stop := w.start(w.options(dir))
	w.upToDate(x)
	before, described := everything(t, x), w.described
	stop()
	if _, err := x.Search(t.Context(), discovery.Query{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a stopped index answers: %v", err)
	}
	x, _ = w.start(w.options(dir))
	w.upToDate(x)
	if got := everything(t, x); got != before || w.described != described {
		t.Errorf("it has %s, had %s; %d were described, then %d", got, before, described, w.described)
	}
	w.release("other:later", "1.0.0", bob, component("Later", nil, nil))
	w.upToDate(x)
	if got := everything(t, x); !strings.Contains(got, "other:later") || w.described != described+1 {
		t.Errorf("it has %s; %d were described", got, w.described-described)
	}
}

// Files that can not be used are made anew, and so are those of another log.
func TestMadeAnew(t *testing.T) {
	w, _, _, _ := shop(t)
	for what, spoil := range map[string]func(file string, w *world){
		"removed": func(file string, _ *world) { os.Remove(file) },
		"no database": func(file string, _ *world) {
			os.WriteFile(file, []byte(strings.Repeat("not a database ", 1000)), 0o600)
		},
		"empty":        func(file string, _ *world) { os.WriteFile(file, nil, 0o600) },
		"cut":          func(file string, _ *world) { os.Truncate(file, 8192) },
		"overwritten":  overwrite,
		"other log":    func(_ string, w *world) { *w = *newOther(w) },
		"shorter log":  func(_ string, w *world) { w.log = w.log[:len(w.log)-2] },
		"other branch": func(_ string, w *world) { w.log[len(w.log)-1] = w.log[len(w.log)-2] },
		"fewer statements": func(_ string, w *world) {
			w.statements = nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			mine := newWorld(t)
			mine.log, mine.contents, mine.inside, mine.statements = append(mine.log[:0:0], w.log...), w.contents, w.inside, w.statements
			dir := t.TempDir()
			x, stop := mine.start(mine.options(dir))
			mine.upToDate(x)
			stop()
			for _, name := range []string{"-wal", "-shm"} {
				os.Remove(filepath.Join(dir, FileName) + name)
			}
			spoil(filepath.Join(dir, FileName), mine)
			x, _ = mine.start(mine.options(dir))
			mine.upToDate(x)
			fresh := mine.index()
			if got, want := everything(t, x), everything(t, fresh); got != want || got == "" {
				t.Errorf("it has %s, want %s", got, want)
			}
			if remarks := x.Remarks(); len(remarks) != 0 {
				t.Errorf("remarks: %s", remarks)
			}
		})
	}
}

// overwrite damages pages behind the first ones.
func overwrite(file string, _ *world) {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	for at := int64(4096); at < info.Size(); at += 4096 {
		f.WriteAt(make([]byte, 2048), at)
	}
}

// newOther is the world of another registry, of the same length.
func newOther(w *world) *world {
	other := newWorld(w.t)
	key := newKey(w.t)
	for len(other.log) < len(w.log) {
		other.release("example:other"+strings.Repeat("x", len(other.log)), "1.0.0", key, component("", nil, nil))
	}
	return other
}

// While the file can not be used, questions are refused and a remark says why; all of it
// passes by itself.
func TestUnusableFile(t *testing.T) {
	w, _, _, _ := shop(t)
	dir := filepath.Join(t.TempDir(), "none")
	x, _ := w.start(w.options(dir))
	w.eventually("the trouble is noticed", func() bool {
		remarks := x.Remarks()
		return len(remarks) == 1 && strings.Contains(remarks[0], "no such file")
	})
	if _, err := x.Status(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it answers: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.upToDate(x)
}

// What is away for a while only delays what is new.
func TestLogAway(t *testing.T) {
	w, _, bob, _ := shop(t)
	x := w.index()
	before := everything(t, x)
	w.mu.Lock()
	w.away = &registry.UnavailableError{Part: "the database"}
	w.mu.Unlock()
	w.release("other:later", "1.0.0", bob, component("Later", nil, nil))
	if got := everything(t, x); got != before {
		t.Errorf("it has %s", got)
	}
	w.mu.Lock()
	w.away = nil
	w.mu.Unlock()
	w.upToDate(x)
	if got := everything(t, x); !strings.Contains(got, "other:later") {
		t.Errorf("it has %s", got)
	}
}

// Behind an upgrade, all is described again, and what was described serves until then.
func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	digest := w.release("example:a", "1.0.0", key, component("old words", []string{"wasi:cli/run@0.2.0"}, nil))
	dir := t.TempDir()
	x, stop := w.start(w.options(dir))
	w.upToDate(x)
	stop()
	w.version = 2
	renewed := component("new words", nil, []string{"wasi:io/streams@0.2.0"})
	renewed.Kind, renewed.Metadata.Licenses = discovery.KindWIT, "Zlib"
	w.inside[digest] = renewed
	o := w.options(dir)
	o.Describer = blocked{w}
	x, stop = w.start(o)
	w.eventually("the index answers", func() bool { _, err := x.Status(t.Context()); return err == nil })
	page, err := x.Search(t.Context(), discovery.Query{Search: "old"})
	if err != nil || len(page.Items) != 1 || page.Items[0].Described != discovery.DescribedOld {
		t.Errorf("%+v, %v", page, err)
	}
	if s, err := x.Status(t.Context()); err != nil || s.ToDescribe != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	stop()
	x, _ = w.start(w.options(dir))
	w.upToDate(x)
	for _, c := range []struct {
		query discovery.Query
		want  int
	}{
		{discovery.Query{Search: "old"}, 0},
		{discovery.Query{Search: "new"}, 1},
		{discovery.Query{Search: "new", Kind: discovery.KindWIT, License: "Zlib"}, 1},
		{discovery.Query{Search: "new", Kind: discovery.KindComponent}, 0},
		{discovery.Query{Search: "new", License: "MIT"}, 0},
	} {
		if page, err := x.Search(t.Context(), c.query); err != nil || len(page.Items) != c.want {
			t.Errorf("%+v: %+v, %v", c.query, page, err)
		}
	}
	facets, err := x.Facets(t.Context(), discovery.Query{})
	if err != nil || len(facets.Exports) != 0 || len(facets.Imports) != 1 || facets.Imports[0] != (discovery.Facet{Value: "wasi:io/streams", Count: 1}) {
		t.Errorf("%+v, %v", facets, err)
	}
}

// Withheld content says nothing of itself, until it is released.
func TestWithheld(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.release("example:a", "1.0.0", key, component("first words", nil, nil))
	second := w.release("example:a", "1.1.0", key, inside{Description: component("second words", []string{"wasi:cli/run@0.2.0"}, nil).Description, wit: &discovery.WIT{Text: "world"}})
	x := w.index()
	found := func(search string) string {
		t.Helper()
		page, err := x.Search(t.Context(), discovery.Query{Search: search})
		if err != nil {
			t.Fatal(err)
		}
		return names(page)
	}
	if got := found("second"); got != "example:a 1.1.0" {
		t.Errorf("before: %s", got)
	}
	w.withhold(withheld.Withhold, second)
	w.upToDate(x)
	if got := found("second") + found("first"); got != "example:a 1.0.0" {
		t.Errorf("withheld: %s", got)
	}
	r, err := x.Release(t.Context(), "example:a", "1.1.0")
	if err != nil || r.Content != nil || r.Description != "" || r.Kind != "" || r.Withheld == nil || r.Withheld.Text != "a court order" || r.Digest != second {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := x.WIT(t.Context(), "example:a", "1.1.0"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the WIT of what is withheld: %v", err)
	}
	facets, err := x.Facets(t.Context(), discovery.Query{})
	if err != nil || len(facets.Exports) != 0 || facets.Kinds[0].Count != 1 {
		t.Errorf("%+v, %v", facets, err)
	}
	w.withhold(withheld.Release, second)
	w.upToDate(x)
	if got := found("second") + found("first"); got != "example:a 1.1.0" {
		t.Errorf("released: %s", got)
	}
	if wit, err := x.WIT(t.Context(), "example:a", "1.1.0"); err != nil || wit.Text != "world" {
		t.Errorf("%+v, %v", wit, err)
	}
}

// A content that is not here is looked for again; one that is hostile to its describer
// is a release without a description.
func TestContentsThatFail(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.release("example:panics", "1.0.0", key, inside{err: errPanic})
	missing := protocol.HashOf([]byte("missing"))
	w.publish("example:missing", key, protocol.PackageEntry{Type: protocol.EntryRelease, Version: "1.0.0", Content: missing.Any()})
	w.release("example:good", "1.0.0", key, component("Good", nil, nil))
	clock := &clock{now: w.now}
	o := w.options(t.TempDir())
	o.Now = clock.Now
	x, _ := w.start(o)
	state := func(name string) string {
		r, err := x.Release(t.Context(), name, "1.0.0")
		if err != nil {
			return err.Error()
		}
		return r.Described
	}
	w.eventually("the good one is described", func() bool { return state("example:good") == discovery.Described })
	for name, want := range map[string]string{"example:panics": discovery.NotYet, "example:missing": discovery.NotYet} {
		if got := state(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.eventually("they count as not to be described", func() bool {
		clock.add(missingMost)
		w.grown.Happened()
		return state("example:panics") == discovery.Undescribed && state("example:missing") == discovery.Undescribed
	})
	w.content([]byte("missing"), component("Here now", nil, nil))
	w.eventually("it is described once it is here", func() bool {
		clock.add(missingMost)
		return state("example:missing") == discovery.Described
	})
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	alice, bob := newKey(t), newKey(t)
	aliceID, bobID := alice.Public().ID(), bob.Public().ID()
	w.release("example:http", "0.2.0", alice, inside{Description: discovery.Description{Kind: discovery.KindWIT}, wit: &discovery.WIT{Kind: discovery.KindWIT, Text: "package example:http;"}})
	w.publish("example:http", alice, protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: bob.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease, protocol.PermissionYank}},
		protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: aliceID, Permissions: []protocol.PackagePermission{protocol.PermissionYank}})
	w.release("example:http", "0.3.0-rc.1", bob, inside{})
	w.publish("example:http", bob, protocol.PackageEntry{Type: protocol.EntryYank, Version: "0.3.0-rc.1"})
	w.release("example:user", "1.0.0", bob, component("Uses it", []string{"wasi:cli/run@0.2.0"}, []string{"example:http/types@0.2.0", "wasi:filesystem/types@0.2.0", "made:up/thing"}))
	x := w.index()

	pkg, err := x.Package(t.Context(), "example:http")
	if err != nil {
		t.Fatal(err)
	}
	if pkg.Total != 2 || len(pkg.Releases) != 2 || pkg.Releases[0].Version != "0.3.0-rc.1" || pkg.Releases[0].Yanked == nil || pkg.Releases[0].Yanked.Key != bobID || pkg.Releases[0].Yanked.RegistryIndex != 4 ||
		pkg.Latest == nil || pkg.Latest.Version != "0.2.0" || pkg.Created.RegistryIndex != 1 || pkg.Created.Key != aliceID || pkg.LogLength != uint64(len(w.log)) {
		t.Errorf("%+v", pkg)
	}
	if len(pkg.Keys) != 2 || strings.Join(pkg.Keys[0].Permissions, " ") != "release" || pkg.Keys[0].PublicKey != alice.Public().String() || strings.Join(pkg.Keys[1].Permissions, " ") != "release yank" {
		t.Errorf("%+v", pkg.Keys)
	}
	release, err := x.Release(t.Context(), "example:user", "1.0.0")
	if err != nil || release.Content.Imports.Total != 3 || release.RegistryIndex != 5 || release.HasWIT {
		t.Errorf("%+v, %v", release, err)
	}
	if len(release.Needs) != 2 || release.Needs[0].Name != "filesystem" || release.Needs[1].Name != "host" || strings.Join(release.Needs[1].Interfaces, " ") != "example:http/types made:up/thing" {
		t.Errorf("%+v", release.Needs)
	}
	if r, err := x.Release(t.Context(), "example:http", "0.2.0"); err != nil || r.Dependents != 1 || !r.HasWIT {
		t.Errorf("%+v, %v", r, err)
	}
	dependents, err := x.Dependents(t.Context(), "example:http", "")
	if err != nil || names(dependents) != "example:user 1.0.0" {
		t.Errorf("%+v, %v", dependents, err)
	}
	iface, err := x.Interface(t.Context(), "example:http/types", "")
	if err != nil || names(iface.Imported) != "example:user 1.0.0" || len(iface.Exported.Items) != 0 || len(iface.Defined) != 1 || len(iface.Versions) != 1 || iface.Versions[0].Imports != 1 {
		t.Errorf("%+v, %v", iface, err)
	}
	key, err := x.Key(t.Context(), bobID)
	if err != nil || key.Records != 3 || len(key.Packages) != 2 || key.Packages[0].Records != 2 || key.Packages[0].Last.RegistryIndex != 4 || key.Operator != nil {
		t.Errorf("%+v, %v", key, err)
	}
	if key, err := x.Key(t.Context(), w.operator.Public().ID()); err != nil || key.Operator == nil || strings.Join(key.Operator.Permissions, " ") != "commit defineNamespace importNamespace" || len(key.Packages) != 0 {
		t.Errorf("%+v, %v", key, err)
	}
	events, next, err := x.Log(t.Context(), "example:http", 0)
	var said []string
	for _, e := range events {
		said = append(said, strings.Join(append(strings.Fields(e.Entry+" "+e.Version), e.Permissions...), " "))
	}
	if want := "init release yank; release 0.2.0; grant release yank; revoke yank; release 0.3.0-rc.1; yank 0.3.0-rc.1"; err != nil || next != 0 || strings.Join(said, "; ") != want {
		t.Errorf("%s, %d, %v", strings.Join(said, "; "), next, err)
	}
	for _, err := range []error{
		second(x.Package(t.Context(), "example:none")), second(x.Release(t.Context(), "example:http", "9.9.9")), second(x.Release(t.Context(), "example:http", "x")),
		second(x.WIT(t.Context(), "example:user", "1.0.0")), second(x.Interface(t.Context(), "no:such/thing", "")), second(x.Key(t.Context(), "sha256:none")), second(x.Dependents(t.Context(), "no:such", "")),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%v, want that it is not found", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A long log is read in pages.
func TestLongLog(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	for i := range maxEvents + 20 {
		w.release("example:a", fmt.Sprintf("1.0.%d", i), key, inside{})
	}
	x := w.index()
	count, from := 0, uint64(0)
	for {
		events, next, err := x.Log(t.Context(), "example:a", from)
		if err != nil {
			t.Fatal(err)
		}
		count += len(events)
		if from = next; next == 0 {
			break
		}
	}
	if count != maxEvents+21 {
		t.Errorf("%d events", count)
	}
}

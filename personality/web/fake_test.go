package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

var (
	now     = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	alice   = protocol.KeyID(protocol.HashOf([]byte("alice")).String())
	bob     = protocol.KeyID(protocol.HashOf([]byte("bob")).String())
	errGone = errors.New("it is not there")
)

// fakeIndex answers with what it has. The real one is tested elsewhere, and with these pages in
// package integration.
type fakeIndex struct {
	packages []discovery.Package
	releases map[string]discovery.Release // by name@version
	wit      map[string]discovery.WIT
	events   []discovery.Event
	next     uint64
	facets   discovery.Facets
	iface    discovery.Interface
	key      discovery.Key
	status   discovery.Status
	page     discovery.Page // of searches; without items: of packages
	err      error          // the answer to everything
	asked    []discovery.Query
	unknown  []string // interfaces that it has nothing of
	looked   []string // interfaces that were looked for
	panics   bool     // facets cannot be counted
}

func (f *fakeIndex) Search(_ context.Context, q discovery.Query) (discovery.Page, error) {
	f.asked = append(f.asked, q)
	if f.err != nil || f.page.Items != nil && q.Package == "" {
		return f.page, f.err
	}
	var found discovery.Page
	for _, p := range f.packages {
		if p.Latest != nil && (q.Package == "" || q.Package == p.Name) && strings.Contains(p.Name+p.Latest.Description, q.Search) {
			found.Items = append(found.Items, p.Latest.Summary)
		}
	}
	found.Total = int64(len(found.Items))
	return found, nil
}

func (f *fakeIndex) Facets(context.Context, discovery.Query) (discovery.Facets, error) {
	if f.panics {
		panic("no facets")
	}
	return f.facets, f.err
}

func (f *fakeIndex) Package(_ context.Context, name string) (discovery.Package, error) {
	for _, p := range f.packages {
		if p.Name == name {
			return p, f.err
		}
	}
	return discovery.Package{}, errors.Join(f.err, errGone)
}

func (f *fakeIndex) Release(_ context.Context, name, version string) (discovery.Release, error) {
	r, ok := f.releases[name+"@"+version]
	if !ok {
		return r, errors.Join(f.err, errGone)
	}
	return r, f.err
}

func (f *fakeIndex) WIT(_ context.Context, name, version string) (discovery.WIT, error) {
	w, ok := f.wit[name+"@"+version]
	if !ok {
		return w, errGone
	}
	return w, f.err
}

func (f *fakeIndex) Dependents(ctx context.Context, _, page string) (discovery.Page, error) {
	return f.Search(ctx, discovery.Query{Page: page})
}

func (f *fakeIndex) Interface(_ context.Context, name, _ string) (discovery.Interface, error) {
	i := f.iface
	if slices.Contains(f.unknown, name) {
		return i, errGone
	}
	i.Name = name
	return i, f.err
}

func (f *fakeIndex) Known(_ context.Context, names []string) (map[string]bool, error) {
	f.looked = append(f.looked, names...)
	known := map[string]bool{}
	for _, name := range names {
		known[name] = !slices.Contains(f.unknown, name)
	}
	return known, f.err
}

func (f *fakeIndex) Key(_ context.Context, id protocol.KeyID) (discovery.Key, error) {
	k := f.key
	k.Key = id
	return k, f.err
}

func (f *fakeIndex) Log(context.Context, string, uint64) ([]discovery.Event, uint64, error) {
	return f.events, f.next, f.err
}

func (f *fakeIndex) Status(context.Context) (discovery.Status, error) { return f.status, f.err }

// fakeLog is a log of so many records, with its notes.
type fakeLog struct {
	length uint64
	notes  map[tlog.Log][]byte
	asked  int // for its growth
}

func (f *fakeLog) LatestCheckpoint(context.Context) (protocol.SignedCheckpoint, error) {
	var c protocol.SignedCheckpoint
	if f.length == 0 {
		return c, &registry.CheckpointNotFoundError{}
	}
	c.Contents = f.at(f.length)
	c.KeyID = alice
	return c, nil
}

func (f *fakeLog) at(length uint64) protocol.TimestampedCheckpoint {
	before := f.length - length
	return protocol.TimestampedCheckpoint{
		Checkpoint: protocol.Checkpoint{LogLength: length, LogRoot: protocol.HashOf([]byte("log")), MapRoot: protocol.HashOf([]byte("map"))},
		Timestamp:  uint64(now.Add(-time.Duration(before*before) * 40 * time.Second).Unix()),
	}
}

func (f *fakeLog) Growth(_ context.Context, points int) (some []protocol.TimestampedCheckpoint, err error) {
	f.asked++
	for i := range min(points, int(f.length)) {
		some = append(some, f.at(uint64(i+1)*f.length/uint64(min(points, int(f.length)))))
	}
	return some, nil
}

func (f *fakeLog) LogNote(_ context.Context, log tlog.Log) ([]byte, error) {
	if f.notes[log] == nil {
		return nil, &registry.NoNoteError{Log: string(log)}
	}
	return f.notes[log], nil
}

// site is a site under test, with what it is made of.
type site struct {
	t     *testing.T
	index *fakeIndex
	log   *fakeLog
	*web.Site
}

func newSite(t *testing.T, change ...func(*web.Options)) *site {
	s := &site{t: t, index: sample(), log: &fakeLog{length: 1234, notes: map[tlog.Log][]byte{}}}
	o := web.Options{Index: s.index, Log: s.log, BaseURL: "https://registry.example", Now: func() time.Time { return now }}
	for _, c := range change {
		c(&o)
	}
	s.Site = web.New(o)
	return s
}

// get asks for a page, with headers as "name: value".
func (s *site) get(path string, headers ...string) web.Answer {
	s.t.Helper()
	a, err := s.try(path, headers...)
	if err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return a
}

func (s *site) try(path string, headers ...string) (web.Answer, error) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return s.Answer(r, web.Client{URL: "https://registry.example", HTTPS: true})
}

// body is a page as text.
func (s *site) body(path string) string {
	s.t.Helper()
	a := s.get(path)
	if a.Status != http.StatusOK {
		s.t.Fatalf("%s: status %d", path, a.Status)
	}
	return string(a.Body)
}

// summary is a release in a list.
func summary(name, version, kind, description string) discovery.Summary {
	digest := protocol.HashOf([]byte(name + version))
	parsed, err := protocol.ParsePackageName(name)
	if err != nil {
		panic(err)
	}
	return discovery.Summary{
		Name: name, Version: version, Kind: kind, Description: description, License: "Apache-2.0 OR MIT", Size: 243_519,
		Digest: digest, Released: now.Add(-26 * time.Hour), Key: alice, LogID: parsed.LogID(),
		Record: protocol.HashOf([]byte("record " + name + version)), RegistryIndex: 1201, Described: discovery.Described,
	}
}

// extern is an import or export of an interface "namespace:package/name@version".
func extern(text string) discovery.Extern {
	e := discovery.Extern{Name: text, Kind: "instance"}
	name, version, _ := strings.Cut(text, "@")
	e.Package, e.Interface, _ = strings.Cut(name, "/")
	e.Version = version
	return e
}

func externs(names ...string) (all discovery.List[discovery.Extern]) {
	for _, name := range names {
		all.Items = append(all.Items, extern(name))
	}
	all.Total = int64(len(names))
	return all
}

// add puts a package of some versions, newest first, into the index.
func (f *fakeIndex) add(kind, description string, content *discovery.Description, name string, versions ...string) {
	p := discovery.Package{Name: name, Total: int64(len(versions)), Keys: []discovery.Held{
		{Key: alice, Permissions: []string{"release", "yank"}}, {Key: bob, Permissions: []string{"release"}},
	}}
	p.Created.Time = now.Add(-400 * 24 * time.Hour)
	for i, version := range versions {
		s := summary(name, version, kind, description)
		s.Released = s.Released.Add(-time.Duration(i) * 19 * 24 * time.Hour)
		r := discovery.Release{Summary: s, Content: content, HasWIT: f.wit[name+"@"+version].Text != ""}
		f.releases[name+"@"+version] = r
		p.Releases = append(p.Releases, s)
		if i == 0 {
			p.LogID = s.LogID
			r.Dependents = 12
			p.Latest = &r
		}
	}
	f.packages = append(f.packages, p)
}

// sample is a small registry.
func sample() *fakeIndex {
	f := &fakeIndex{releases: map[string]discovery.Release{}, wit: map[string]discovery.WIT{
		"wasi:http@0.2.3":          {Kind: discovery.KindWIT, Text: httpWIT},
		"acme:image-resizer@2.4.1": {Kind: discovery.KindComponent, Text: resizerWIT},
		"acme:markdown@0.9.0-rc.1": {Kind: discovery.KindComponent, Text: resizerWIT},
	}}
	f.add(discovery.KindComponent, "Scales and crops JPEG, PNG and WebP images behind an HTTP endpoint, without touching the file system.", resizer(), "acme:image-resizer", "2.4.1", "2.4.0", "2.3.0", "1.0.0")
	f.add(discovery.KindWIT, "The WASI interfaces for HTTP: incoming and outgoing requests, their bodies and headers.", &discovery.Description{Kind: discovery.KindWIT, Size: 21_400}, "wasi:http", "0.2.3", "0.2.2")
	f.add(discovery.KindComponent, "Turns CommonMark into HTML, with tables and footnotes.", resizer(), "acme:markdown", "0.9.0-rc.1")
	f.add(discovery.KindModule, "zlib as a core module, for embedders that bring their own memory.", &discovery.Description{Kind: discovery.KindModule, Size: 80_000, Code: 70_000}, "tools:zlib", "1.3.1")
	f.add(discovery.KindComponent, "Key-value storage in memory, for tests of components that want wasi:keyvalue.", resizer(), "tools:memory-store", "0.3.0")
	gone := f.packages[0].Releases
	gone[2].Yanked = &discovery.Change{Time: now.Add(-20 * 24 * time.Hour), Key: bob}
	yanked := f.releases["acme:image-resizer@2.3.0"]
	yanked.Yanked = gone[2].Yanked
	f.releases["acme:image-resizer@2.3.0"] = yanked
	gone[3].Withheld = &discovery.Reason{Time: now, Text: "A court order.", Reference: "https://lumendatabase.org/notices/1"}
	withheld := f.releases["acme:image-resizer@1.0.0"]
	withheld.Withheld = gone[3].Withheld
	f.releases["acme:image-resizer@1.0.0"] = withheld
	whole := f.releases["acme:image-resizer@2.4.1"]
	whole.Needs = []discovery.Capability{
		{Name: "network", Text: "Makes HTTP requests to other machines.", Interfaces: []string{"wasi:http/outgoing-handler@0.2.3"}},
		{Name: "clock", Text: "Reads the time of day and measures time.", Interfaces: []string{"wasi:clocks/monotonic-clock@0.2.3"}},
		{Name: "standard streams", Text: "Writes to standard output and standard error.", Interfaces: []string{"wasi:cli/stdout@0.2.3"}},
	}
	whole.Dependents = 12
	f.releases["acme:image-resizer@2.4.1"] = whole

	f.facets = discovery.Facets{
		Kinds:      []discovery.Facet{{Value: "component", Count: 812}, {Value: "wit", Count: 144}, {Value: "module", Count: 51}},
		Licenses:   []discovery.Facet{{Value: "MIT", Count: 520}, {Value: "Apache-2.0", Count: 497}, {Value: "BSD-3-Clause", Count: 31}},
		Namespaces: []discovery.Facet{{Value: "acme", Count: 320}, {Value: "tools", Count: 220}, {Value: "wasi", Count: 22}},
		Exports:    []discovery.Facet{{Value: "wasi:http/incoming-handler", Count: 301}, {Value: "wasi:cli/run", Count: 288}, {Value: "wasi:keyvalue/store", Count: 12}},
		Imports:    []discovery.Facet{{Value: "wasi:io/streams", Count: 770}, {Value: "wasi:clocks/monotonic-clock", Count: 640}, {Value: "wasi:filesystem/types", Count: 402}},
	}
	f.status = discovery.Status{LogLength: 1234, Packages: 1007, Releases: 5120, Namespaces: 9, Keys: 141}
	f.iface = discovery.Interface{
		Defined:  []discovery.Summary{f.packages[1].Latest.Summary},
		Versions: []discovery.InterfaceAmount{{Version: "0.2.3", Exports: 210, Imports: 31}, {Version: "0.2.2", Exports: 80, Imports: 12}, {Version: "", Exports: 1}},
		Exported: discovery.Page{Items: []discovery.Summary{f.packages[0].Latest.Summary, f.packages[2].Latest.Summary}, Total: 301},
		Imported: discovery.Page{Items: []discovery.Summary{f.packages[4].Latest.Summary}, Total: 43},
	}
	f.key = discovery.Key{PublicKey: "ecdsa-p256:A0koT9cXkqnHbVcZlVYW0nqNsqXkX2F0sWc8nX1w2Q9b", Records: 31, Total: 2, Packages: []discovery.KeyPackage{
		{Name: "acme:image-resizer", Permissions: []string{"release", "yank"}, Records: 28, Last: &discovery.Change{Time: now}},
		{Name: "acme:markdown", Records: 3, Last: &discovery.Change{Time: now}},
	}}
	f.events = events()
	return f
}

func events() []discovery.Event {
	at := func(day int, key protocol.KeyID) discovery.Change {
		return discovery.Change{Time: now.Add(time.Duration(day-100) * 24 * time.Hour), Key: key, Record: protocol.HashOf([]byte{byte(day)}), RegistryIndex: uint64(100 + day)}
	}
	digest := protocol.HashOf([]byte("content"))
	return []discovery.Event{
		{Change: at(1, alice), Entry: "init", Subject: alice},
		{Change: at(1, alice), Entry: "release", Version: "1.0.0", Digest: &digest},
		{Change: at(30, alice), Entry: "grant", Subject: bob, Permissions: []string{"release", "yank"}},
		{Change: at(40, bob), Entry: "release", Version: "2.3.0", Digest: &digest},
		{Change: at(41, bob), Entry: "yank", Version: "2.3.0"},
		{Change: at(50, alice), Entry: "revoke", Subject: bob, Permissions: []string{"yank"}},
		{Change: at(60, bob), Entry: "release", Version: "2.4.1", Digest: &digest},
	}
}

// resizer is what is in a component as cargo component makes them.
func resizer() *discovery.Description {
	d := &discovery.Description{
		Kind: discovery.KindComponent, Name: "image-resizer", Size: 243_519, Functions: 812, Code: 160_020, Data: 41_000, Children: 3,
		Imports: externs("wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3", "wasi:io/streams@0.2.3", "wasi:io/error@0.2.3",
			"wasi:io/poll@0.2.3", "wasi:clocks/monotonic-clock@0.2.3", "wasi:cli/stdout@0.2.3", "wasi:cli/stderr@0.2.3"),
		Exports: externs("wasi:http/incoming-handler@0.2.3", "acme:image/resize@2.1.0"),
		Producers: []discovery.Producer{
			{Field: "language", Name: "Rust"}, {Field: "processed-by", Name: "rustc", Version: "1.91.0 (f8297e351 2026-01-28)"},
			{Field: "processed-by", Name: "wit-component", Version: "0.244.0"}, {Field: "processed-by", Name: "wit-bindgen-rust", Version: "0.46.0"},
		},
		Metadata: discovery.Metadata{
			Authors: "Ada Lovelace <ada@acme.example>", Licenses: "Apache-2.0 OR MIT", Homepage: "https://acme.example/image-resizer",
			Source: "https://github.com/acme/image-resizer", Revision: "9f2c1b7d0c4a8e6f1122334455667788990aabbc", Version: "2.4.1",
			Description: "Scales and crops JPEG, PNG and WebP images behind an HTTP endpoint, without touching the file system.",
		},
		Custom: discovery.List[discovery.Section]{Total: 3, Items: []discovery.Section{{Name: "producers", Size: 214}, {Name: "component-name", Size: 9_120}, {Name: ".dep-v0", Size: 1_400}}},
	}
	for i, name := range []string{"image", "jpeg-decoder", "png", "image-webp", "fdeflate", "crc32fast", "adler2", "miniz_oxide", "bytemuck", "byteorder-lite", "wit-bindgen", "anyhow", "serde", "serde_json", "itoa", "ryu", "memchr"} {
		d.Dependencies.Items = append(d.Dependencies.Items, discovery.Dependency{Name: name, Version: fmt.Sprintf("%d.%d.%d", i%3, i, i*7%10), Source: "crates.io", Kind: "runtime"})
	}
	d.Dependencies.Total = int64(len(d.Dependencies.Items))
	return d
}

const resizerWIT = `package acme:image-resizer@2.4.1;

world resizer {
  import wasi:io/poll@0.2.3;
  import wasi:io/error@0.2.3;
  import wasi:io/streams@0.2.3;
  import wasi:http/types@0.2.3;
  import wasi:http/outgoing-handler@0.2.3;

  /// Answers requests for images.
  export wasi:http/incoming-handler@0.2.3;
  export acme:image/resize@2.1.0;
}
package acme:image@2.1.0 {
  interface resize {
    /// How an image is fitted into its frame.
    enum fit {
      cover,
      contain,
      fill,
    }

    record frame {
      width: u32,
      height: u32,
      fit: fit,
    }

    variant problem {
      unreadable(string),
      too-large(u64),
    }

    scale: func(image: list<u8>, frame: frame) -> result<list<u8>, problem>;
  }
}
`

const httpWIT = `package wasi:http@0.2.3;

/// This interface defines a handler of incoming HTTP Requests.
interface incoming-handler {
  use types.{incoming-request, response-outparam};

  /// This function is invoked with an incoming HTTP Request, and a resource
  /// response-outparam which provides the capability to reply with an HTTP
  /// Response.
  handle: func(request: incoming-request, response-out: response-outparam);
}

interface types {
  use wasi:clocks/monotonic-clock@0.2.3.{duration};
  use wasi:io/streams@0.2.3.{input-stream, output-stream};

  /// This type corresponds to HTTP standard Methods.
  variant method {
    get,
    head,
    other(string),
  }
}
`

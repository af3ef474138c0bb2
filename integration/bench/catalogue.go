package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// releasesEach is how many releases a package of a catalogue has, a record each.
const releasesEach = 3

// catalogue is a published log of many packages, and what is in them: made up as it is read,
// always the same. Nothing of it is signed: the index takes what is in the log.
type catalogue struct {
	packages   int
	keys       []protocol.PrivateKey
	signature  protocol.Signature
	words      []string
	interfaces []string
}

func newCatalogue(packages int) (*catalogue, error) {
	w := &catalogue{packages: packages}
	for range 200 {
		key, err := protocol.GeneratePrivateKey()
		if err != nil {
			return nil, err
		}
		w.keys = append(w.keys, key)
	}
	w.signature = (&protocol.PackageRecord{}).Sign(w.keys[0]).Signature
	random := rand.New(rand.NewPCG(1, 1))
	syllables := strings.Fields("ba co di fu ge hi jo ka lu me no pi qua ro si te vu wa xe yo za cha dro fli gra kni plo sta tri")
	for len(w.words) < 20_000 {
		word := ""
		for range 2 + random.IntN(3) {
			word += syllables[random.IntN(len(syllables))]
		}
		w.words = append(w.words, word)
	}
	copy(w.words, strings.Fields("http server json parser image codec client crypto hash wasi filesystem queue cache database text markdown regex logging metrics tracing"))
	for _, name := range strings.Fields("http/incoming-handler http/outgoing-handler http/types io/streams io/error io/poll filesystem/types filesystem/preopens sockets/tcp sockets/udp clocks/wall-clock clocks/monotonic-clock random/random cli/environment cli/stdout cli/stderr cli/run keyvalue/store config/store logging/logging nn/graph") {
		w.interfaces = append(w.interfaces, "wasi:"+name)
	}
	for i := range 2000 {
		w.interfaces = append(w.interfaces, fmt.Sprintf("%s/%s", w.name(i*37%packages), w.words[i]))
	}
	return w, nil
}

// often picks a small number more often than a great one.
func often(random *rand.Rand, n int) int {
	f := random.Float64()
	return int(f * f * f * float64(n))
}

func (w *catalogue) name(i int) string {
	random := rand.New(rand.NewPCG(uint64(i), 2))
	return fmt.Sprintf("%s:%s-%s", w.words[often(random, 500)], w.words[often(random, len(w.words))], w.words[i%len(w.words)]+letters(i/len(w.words)))
}

// letters makes a number a word.
func letters(n int) (word string) {
	for ; n > 0; n /= 20 {
		word += string("bcdfghjklmnpqrstvwxz"[n%20])
	}
	return word
}

func (w *catalogue) length() uint64 { return uint64(w.packages*releasesEach + 1) }

func (w *catalogue) LatestCheckpoint(context.Context) (c protocol.SignedCheckpoint, err error) {
	c.Contents.LogLength = w.length()
	return c, nil
}

func (w *catalogue) Withheld(context.Context, uint64) (withheld.Page, error) {
	return withheld.Page{}, nil
}

// Envelopes are first the operator's record, then the first release of all packages, then
// the second of all, and so on.
func (w *catalogue) Envelopes(_ context.Context, start uint64, count, _ int) (all []tlog.NamedEnvelope, err error) {
	for i := start; i < start+uint64(count); i++ {
		if i == 0 {
			record := protocol.OperatorRecord{Time: protocol.Time{Seconds: 1_700_000_000}, Entries: []protocol.OperatorEntry{{Type: protocol.EntryInit, Key: w.keys[0].Public()}}}
			all = append(all, w.named("", w.keys[0], record.Encode()))
			continue
		}
		pkg, round := int(i-1)%w.packages, int(i-1)/w.packages
		key := w.keys[pkg%len(w.keys)]
		record := protocol.PackageRecord{Time: protocol.Time{Seconds: 1_700_000_000 + int64(i)}}
		if round == 0 {
			record.Entries = append(record.Entries, protocol.PackageEntry{Type: protocol.EntryInit, Key: key.Public()})
		} else {
			record.Prev = protocol.HashOf(binary.AppendUvarint(nil, i)).Any()
		}
		content := w.digest(pkg, round)
		record.Entries = append(record.Entries, protocol.PackageEntry{Type: protocol.EntryRelease, Version: fmt.Sprintf("%d.%d.0", round/2, round), Content: content.Any()})
		all = append(all, w.named(w.name(pkg), key, record.Encode()))
	}
	return all, nil
}

func (w *catalogue) named(name string, key protocol.PrivateKey, content []byte) tlog.NamedEnvelope {
	envelope := protocol.Envelope{Content: content, KeyID: key.Public().ID(), Signature: w.signature}
	return tlog.NamedEnvelope{Name: name, Envelope: envelope.MarshalProto()}
}

// digest stands for the digest of a release's content: it says which release that is.
func (w *catalogue) digest(pkg, round int) protocol.Hash {
	d := protocol.HashOf(fmt.Appendf(nil, "%d %d", pkg, round))
	binary.BigEndian.PutUint32(d[:], uint32(pkg))
	d[4] = byte(round)
	return d
}

// madeUp is what there is of a content: its digest.
type madeUp struct{ *bytes.Reader }

func (madeUp) Close() error { return nil }

func (w *catalogue) OpenContent(_ context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	return madeUp{bytes.NewReader(digest[:])}, time.Time{}, nil
}

// Version implements [discovery.Describer].
func (w *catalogue) Version() int { return 1 }

// Describe makes up what is in a content: a description of some words, some imports of which
// a few are common, and a dependency or thirty.
func (w *catalogue) Describe(_ context.Context, f io.ReaderAt, _ int64) (d discovery.Description, wit *discovery.WIT, err error) {
	var digest protocol.Hash
	if _, err := f.ReadAt(digest[:], 0); err != nil {
		return d, nil, err
	}
	pkg := binary.BigEndian.Uint32(digest[:])
	random := rand.New(rand.NewPCG(uint64(pkg), uint64(digest[4])))
	d.Kind = []string{discovery.KindComponent, discovery.KindComponent, discovery.KindComponent, discovery.KindModule, discovery.KindWIT}[random.IntN(5)]
	d.Size = 10_000 + random.Int64N(5_000_000)
	var text []string
	for range 5 + random.IntN(20) {
		text = append(text, w.words[often(random, len(w.words))])
	}
	d.Metadata = discovery.Metadata{
		Description: strings.Join(text, " "), Authors: w.words[pkg%1000] + " " + w.words[1000+pkg%5000],
		Licenses: []string{"Apache-2.0 WITH LLVM-exception", "MIT", "MIT OR Apache-2.0", "BSD-3-Clause", "MPL-2.0", "GPL-3.0-only"}[often(random, 6)],
		Source:   "https://example.com/" + w.name(int(pkg)), Version: "1.0.0",
	}
	d.Producers = []discovery.Producer{{Field: "language", Name: "Rust"}, {Field: "processed-by", Name: "wit-component", Version: "0.261.0"}}
	d.Imports = w.externs(random, 2+random.IntN(15))
	d.Exports = w.externs(random, 1+random.IntN(3))
	for i := range random.Int64N(30) {
		d.Dependencies.Items = append(d.Dependencies.Items, discovery.Dependency{Name: w.words[often(random, 2000)], Version: fmt.Sprintf("1.%d.0", i), Source: "crates.io", Root: i == 0})
	}
	d.Dependencies.Total = int64(len(d.Dependencies.Items))
	if d.Kind == discovery.KindModule {
		return d, nil, nil
	}
	wit = &discovery.WIT{Kind: d.Kind, Packages: []discovery.WITPackage{{Name: w.name(int(pkg)), Main: true}}}
	for _, e := range d.Imports.Items {
		wit.Text += "import " + e.Name + ";\n"
	}
	wit.Text += strings.Repeat("/// "+d.Metadata.Description+"\n"+strings.Join(text, ": func();\n")+"\n", 5)
	return d, wit, nil
}

func (w *catalogue) externs(random *rand.Rand, n int) (list discovery.List[discovery.Extern]) {
	for range n {
		name := w.interfaces[often(random, len(w.interfaces))]
		if random.IntN(3) > 0 {
			name = w.interfaces[random.IntN(21)]
		}
		of, iface, _ := strings.Cut(name, "/")
		version := fmt.Sprintf("0.2.%d", often(random, 8))
		list.Items = append(list.Items, discovery.Extern{Name: name + "@" + version, Kind: "instance", Package: of, Interface: iface, Version: version})
	}
	list.Total = int64(n)
	return list
}

// question is a kind of question to the API.
type question struct {
	name, target string
	path         func(*rand.Rand) string
}

func (w *catalogue) questions() []question {
	const target = "p50 10 ms, p99 50 ms"
	packages := func(q discovery.Query) string { return discovery.PackagesPath + "?" + q.Values().Encode() }
	word := func(random *rand.Rand) string { return w.words[often(random, len(w.words))] }
	short := func(random *rand.Rand) string {
		_, name, _ := strings.Cut(w.name(random.IntN(w.packages)), ":")
		return name
	}
	kinds := []question{
		{"search for a word", target, func(r *rand.Rand) string { return packages(discovery.Query{Search: word(r)}) }},
		{"search for two words", target, func(r *rand.Rand) string { return packages(discovery.Query{Search: word(r) + " " + word(r)}) }},
		{"search for a name", target, func(r *rand.Rand) string { return packages(discovery.Query{Search: short(r)}) }},
		{"search for a word with a typing error", target, func(r *rand.Rand) string {
			text := []byte(word(r))
			at := r.IntN(len(text))
			text[at] = 'a' + byte(r.IntN(26))
			return packages(discovery.Query{Search: string(text)})
		}},
		{"search for a word, of a kind and with a license", target, func(r *rand.Rand) string {
			return packages(discovery.Query{Search: word(r), Kind: discovery.KindComponent, License: "MIT"})
		}},
		{"who exports an interface", target, func(r *rand.Rand) string {
			return packages(discovery.Query{Exports: []string{w.interfaces[often(r, len(w.interfaces))]}})
		}},
		{"who imports an interface of some versions, by newness", target, func(r *rand.Rand) string {
			return packages(discovery.Query{Imports: []string{w.interfaces[often(r, len(w.interfaces))] + "@^0.2.3"}, Sort: discovery.SortNewest})
		}},
	}
	mixed := kinds[:len(kinds):len(kinds)]
	all := question{"search, all of these in turn", target, func(r *rand.Rand) string { return mixed[r.IntN(len(mixed))].path(r) }}
	return append([]question{all}, append(kinds,
		question{"a package", "", func(r *rand.Rand) string { return discovery.PackagePath(w.name(r.IntN(w.packages))) }},
		question{"a release", "", func(r *rand.Rand) string {
			return discovery.ReleasePath(w.name(r.IntN(w.packages)), "0.1.0")
		}},
		question{"facets of a search", "", func(r *rand.Rand) string {
			return discovery.FacetsPath + "?" + discovery.Query{Search: word(r)}.Values().Encode()
		}},
		question{"dependents", "", func(r *rand.Rand) string {
			return discovery.DependentsPath("wasi:" + []string{"http", "io", "nn"}[r.IntN(3)])
		}},
	)...)
}

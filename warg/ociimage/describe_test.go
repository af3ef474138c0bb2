package ociimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// What follows writes components as Binary.md of the component model has them.

func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func text(s string) []byte { return append(leb(len(s)), s...) }

func list(items ...[]byte) []byte { return append(leb(len(items)), bytes.Join(items, nil)...) }

func section(id byte, body []byte) []byte { return slices.Concat([]byte{id}, leb(len(body)), body) }

func head(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x0d\x00\x01\x00"), bytes.Join(sections, nil)...)
}

func named(s string, rest ...byte) []byte { return slices.Concat([]byte{0}, text(s), rest) }

// A component with an instance and a function in it, imported and exported, and a nested
// module, which is nobody's business.
func sample() []byte {
	return head(
		section(sectionType, list([]byte{0x42, 0}, []byte{0x40, 0, 1, 0})),
		section(sectionImport, list(named("wasi:io/poll@0.2.0", sortInstance, 0), named("log", sortFunc, 1))),
		section(1, []byte(strings.Repeat("\x0a\x05", 40_000))),
		section(0, named("custom")),
		section(sectionExport, list(
			named("wasi:cli/run@0.2.0", sortInstance, 0, 0),
			slices.Concat([]byte{2}, text("a:b/c@1.2"), text(".3"), []byte{sortFunc, 0, 1, sortFunc, 1}))),
	)
}

// witOf makes a WIT package of an interface and a world that exports it, and a function.
func witOf() []byte {
	everyType := list(
		[]byte{1, 0x79}, []byte{1, 0x72, 1, 1, 'f', 0x79}, []byte{1, 0x71, 2, 1, 'a', 1, 0x00, 0, 1, 'b', 0, 0},
		[]byte{1, 0x70, 0x7f}, []byte{1, 0x6b, 0x7f}, []byte{1, 0x67, 0x7f, 3}, []byte{1, 0x63, 0x73, 0x7f},
		[]byte{1, 0x6f, 2, 0x7f, 0x7f}, []byte{1, 0x6e, 1, 1, 'f'}, []byte{1, 0x6d, 1, 1, 'e'},
		[]byte{1, 0x6a, 1, 0x7f, 0}, []byte{4, 0, 1, 'r', sortType, 1}, []byte{1, 0x69, 11}, []byte{1, 0x68, 11},
		[]byte{1, 0x66, 1, 0x7f}, []byte{1, 0x65, 0}, []byte{1, 0x40, 1, 1, 'p', 0x7f, 0, 0x80, 0x01},
		[]byte{1, 0x43, 0, 1, 0}, []byte{2, sortType, 2, 1, 0}, []byte{4, 0, 1, 'n', sortFunc, 16},
	)
	instance := slices.Concat([]byte{1, 0x42}, everyType)
	iface := slices.Concat([]byte{0x41}, list(instance, slices.Concat([]byte{4}, named("a:b/types@1.0.0", sortInstance, 0))))
	world := slices.Concat([]byte{1, 0x41}, list(
		[]byte{1, 0x42, 0}, slices.Concat([]byte{3}, named("a:b/types@1.0.0", sortInstance, 0)),
		slices.Concat([]byte{4}, named("a:b/api", sortInstance, 0)), slices.Concat([]byte{4}, named("go", sortFunc, 1))))
	outer := slices.Concat([]byte{0x41}, list(world, slices.Concat([]byte{4}, named("a:b/main@1.0.0", sortComponent, 0))))
	return head(
		section(sectionType, list(iface)), section(sectionExport, list(named("types", sortType, 0, 0))),
		section(sectionType, list(outer)), section(sectionExport, list(named("main", sortType, 2, 0))),
		section(0, named("package-docs")),
	)
}

// reader can not seek.
type reader struct{ io.Reader }

func describe(t *testing.T, data []byte) Contents {
	t.Helper()
	got, err := Describe(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Describe(t.Context(), reader{bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(got), encode(other)) {
		t.Fatalf("seeking describes %+v, reading %+v", got, other)
	}
	return got
}

func want(t *testing.T, got Contents, component bool, imports, exports string) {
	t.Helper()
	if got.Component != component || strings.Join(got.Imports, " ") != imports || strings.Join(got.Exports, " ") != exports {
		t.Errorf("described as %+v; want component %v, imports %q, exports %q", got, component, imports, exports)
	}
}

func TestDescribe(t *testing.T) {
	want(t, describe(t, sample()), true, "wasi:io/poll@0.2.0 log", "wasi:cli/run@0.2.0 a:b/c@1.2.3")
	want(t, describe(t, head()), true, "", "")
	want(t, describe(t, []byte("\x00asm\x01\x00\x00\x00")), false, "", "")
	want(t, describe(t, []byte("no wasm at all")), false, "", "")
	want(t, describe(t, nil), false, "", "")
}

func TestDescribeAWITPackage(t *testing.T) {
	want(t, describe(t, witOf()), true, "", "a:b/api a:b/main@1.0.0 a:b/types@1.0.0 go")
}

// A type that is not known leaves the names, but for those inside of a WIT package.
func TestDescribeUnknownTypes(t *testing.T) {
	data := witOf()
	at := bytes.Index(data, []byte{1, 0x70, 0x7f})
	data[at+1] = 0x20
	want(t, describe(t, data), true, "", "types main")
}

// Wherever a component is cut off or changed, there is an answer, the same one whether
// it is read or sought.
func TestDescribeDamage(t *testing.T) {
	for _, data := range [][]byte{sample(), witOf()} {
		for n := range min(len(data), 400) {
			describe(t, data[:n])
			damaged := bytes.Clone(data)
			for _, b := range []byte{0, 0x80, 0xff, damaged[n] ^ 1} {
				damaged[n] = b
				describe(t, damaged)
			}
		}
	}
}

func TestDescribeBounds(t *testing.T) {
	nested := []byte{0x42, 0}
	for range maxDepth + 1 {
		nested = slices.Concat([]byte{0x41}, list(slices.Concat([]byte{1}, nested)))
	}
	exports := make([][]byte, maxNames+1)
	for i := range exports {
		exports[i] = named("a", sortFunc, 0, 0)
	}
	long := named(strings.Repeat("a", maxText/2), sortFunc, 0)
	some := section(sectionImport, list(named("some", sortFunc, 0)))
	for what, c := range map[string]struct {
		data    []byte
		imports string
	}{
		"nested types":  {head(section(sectionType, list(nested)), some), "some"},
		"many types":    {head(section(sectionType, slices.Concat(leb(maxTypes+1), bytes.Repeat([]byte{0x7f}, maxTypes+1))), some), "some"},
		"long section":  {head(section(sectionType, make([]byte, maxSection+1)), some), "some"},
		"many names":    {head(some, section(sectionExport, list(exports...))), ""},
		"long names":    {head(some, section(sectionImport, list(long, long, long))), ""},
		"long list":     {head(some, section(sectionImport, leb(1<<31))), ""},
		"many sections": {head(some, bytes.Repeat([]byte{0, 0}, maxSections)), ""},
		"long imports":  {head(some, section(sectionImport, make([]byte, maxSection+1))), ""},
	} {
		t.Run(what, func(t *testing.T) {
			got := describe(t, c.data)
			want(t, got, true, c.imports, "")
			if got.Unknown != (c.imports == "") {
				t.Errorf("unknown is %t", got.Unknown)
			}
		})
	}
}

// Many worlds that are one world must not multiply its names.
func TestDescribeWorldsThatAreOne(t *testing.T) {
	var exports, outer [][]byte
	for range 4000 {
		exports = append(exports, slices.Concat([]byte{4}, named("x", sortFunc, 0)))
		outer = append(outer, named("w", sortType, 0, 0))
	}
	world := slices.Concat([]byte{1, 0x41}, list(exports...))
	pkg := slices.Concat([]byte{0x41}, list(world, slices.Concat([]byte{4}, named("a:b/w", sortComponent, 0))))
	got := describe(t, head(section(sectionType, list(pkg)), section(sectionExport, list(outer...))))
	if len(got.Exports) > maxNames {
		t.Errorf("%d exports", len(got.Exports))
	}
}

func TestDescribeGivesTheErrorOfItsReader(t *testing.T) {
	broken := errors.New("broken")
	for _, before := range []int{0, 4, 20, 60, 200} {
		r := io.MultiReader(bytes.NewReader(sample()[:before]), reader{errorReader{broken}})
		if _, err := Describe(t.Context(), r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", before, err)
		}
	}
}

func TestDescribeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Describe(ctx, bytes.NewReader(sample())); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzDescribe(f *testing.F) {
	f.Add(sample()[:80])
	f.Add(witOf())
	f.Fuzz(func(t *testing.T, data []byte) {
		got := describe(t, data)
		if !got.Component && len(got.Imports)+len(got.Exports) > 0 {
			t.Errorf("%+v", got)
		}
	})
}

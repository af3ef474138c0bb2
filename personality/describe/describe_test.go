package describe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// producers is the section's content, of one field.
func producers(field string, values ...string) string {
	b := bytes.Join([][]byte{leb(1), text(field), leb(len(values) / 2)}, nil)
	for _, v := range values {
		b = append(b, text(v)...)
	}
	return string(b)
}

func TestDescribeModule(t *testing.T) {
	function := []byte{2, 0, 0x0b}
	b := module(
		section(1, leb(1), []byte{0x60, 0, 0}),
		section(2, leb(2), text("wasi_snapshot_preview1"), text("fd_write"), []byte{0, 0}, text("wasi:cli/run@0.2.0"), text("run"), []byte{0, 0}),
		section(3, leb(2), []byte{0, 0}),
		section(5, leb(1), []byte{0, 1}),
		section(7, leb(2), text("memory"), []byte{2, 0}, text("_start"), []byte{0, 2}),
		section(10, leb(2), function, function),
		section(11, leb(1), []byte{0, 0x41, 0, 0x0b}, text("hello")),
		custom("name", "\x01\x00"+"\x00\x05\x04main"),
		custom("producers", producers("processed-by", "rustc", "1.90.0", "clang", "18", "rustc", "1.96.0")),
		custom("authors", "Ada"), custom("description", "Adds."), custom("licenses", "MIT OR Apache-2.0"),
		custom("source", "../here"), custom("homepage", "https://example.com"), custom("revision", "abc"), custom("version", "1.0"),
		custom(".dep-v0", deflate(t, []byte(`{"packages":[{"name":"adler","version":"0.2.3","source":"crates.io","kind":"build"},{"name":"main","version":"1.0.0","source":"local","dependencies":[0],"root":true,"other":1}],"format":1}`))),
	)
	c := both(t, newDescriber(t), b)
	custom := c.Custom
	c.Custom = discovery.List[discovery.Section]{}
	want := discovery.Description{
		Kind: discovery.KindModule, Name: "main", Size: int64(len(b)), Functions: 2, Code: 7, Data: 11,
		Imports: discovery.List[discovery.Extern]{Total: 2, Items: []discovery.Extern{
			{Module: "wasi_snapshot_preview1", Name: "fd_write", Kind: "func"},
			{Module: "wasi:cli/run@0.2.0", Name: "run", Kind: "func", Package: "wasi:cli", Interface: "run", Version: "0.2.0"},
		}},
		Exports: discovery.List[discovery.Extern]{Total: 2, Items: []discovery.Extern{{Name: "memory", Kind: "memory"}, {Name: "_start", Kind: "func"}}},
		Producers: []discovery.Producer{
			{Field: "processed-by", Name: "rustc", Version: "1.96.0"}, {Field: "processed-by", Name: "clang", Version: "18"},
		},
		Metadata: discovery.Metadata{
			Authors: "Ada", Description: "Adds.", Licenses: "MIT OR Apache-2.0",
			Source: "../here", Homepage: "https://example.com", Revision: "abc", Version: "1.0",
		},
		Dependencies: discovery.List[discovery.Dependency]{Total: 2, Items: []discovery.Dependency{
			{Name: "adler", Version: "0.2.3", Source: "crates.io", Kind: "build"},
			{Name: "main", Version: "1.0.0", Source: "local", Kind: "runtime", Dependencies: []int64{0}, Root: true},
		}},
	}
	if !reflect.DeepEqual(c.Description, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c.Description, want)
	}
	if custom.Total != 10 || custom.Items[2] != (discovery.Section{Name: "authors", Size: 3}) {
		t.Errorf("custom sections are %+v", custom)
	}
}

func TestDescribeWITPackage(t *testing.T) {
	c := both(t, newDescriber(t), sample(t, "wit-package"))
	if c.Kind != discovery.KindWIT || len(c.Problems) > 0 || c.WIT == nil || c.WIT.Kind != discovery.KindWIT {
		t.Fatalf("got %+v", c)
	}
	if got := strings.Join(names(c.Exports), " "); got != "purring eating home" {
		t.Errorf("exports are %q", got)
	}
	wantPackages := []discovery.WITPackage{{
		Name: "example:cats", Version: "1.2.0-rc.1", Main: true,
		Interfaces: []string{"purring", "eating"}, Worlds: []string{"home"},
	}}
	wantWorlds := []discovery.WITWorld{{
		Name:    "home",
		Imports: []string{"example:cats/purring@1.2.0-rc.1", "run"},
		Exports: []string{"example:cats/eating@1.2.0-rc.1"},
	}}
	if !reflect.DeepEqual(c.WIT.Packages, wantPackages) || !reflect.DeepEqual(c.WIT.Worlds, wantWorlds) {
		t.Errorf("got %+v and %+v", c.WIT.Packages, c.WIT.Worlds)
	}
	for _, line := range []string{"/// Everything about cats.\n", "package example:cats@1.2.0-rc.1;\n", "    purr: func(c: cat) -> u32;\n"} {
		if line = strings.TrimPrefix(line, "  "); !strings.Contains(c.WIT.Text, line) {
			t.Errorf("no line %q in\n%s", line, c.WIT.Text)
		}
	}
}

// Sections that are malformed are problems, and leave the others as they are.
func TestSectionProblems(t *testing.T) {
	d := newDescriber(t)
	author := custom("authors", "Ada")
	for _, test := range []struct {
		name    string
		section []byte
		problem string
	}{
		{"licence", custom("licenses", "as you like"), "custom section licenses: it is not an SPDX expression"},
		{"not UTF-8", custom("description", "\xff"), "custom section description: it is not UTF-8; it was left out"},
		{"long", custom("description", strings.Repeat("ä", 10<<10)), "custom section description: it is longer than 16384 bytes; it was cut"},
		{"twice", bytes.Join([][]byte{custom("version", "1"), custom("version", "2")}, nil), "custom section version: there is more than one; the last one counts"},
		{"no zlib", custom(".dep-v0", "{}"), "custom section .dep-v0: it is not zlib of at most 2097152 bytes"},
		{"a zlib bomb", custom(".dep-v0", deflate(t, make([]byte, 3<<20))), "custom section .dep-v0: it is not zlib of at most 2097152 bytes"},
		{"no packages", custom(".dep-v0", deflate(t, []byte("[]"))), "custom section .dep-v0: its JSON is not a list of packages"},
		{"deep JSON", custom(".dep-v0", deflate(t, bytes.Repeat([]byte(`{"x":[`), 100_000))), "custom section .dep-v0: its JSON is not a list of packages"},
		{"a large section", custom(".dep-v0", string(make([]byte, 3<<20))), "custom section .dep-v0: it is too large; it was left out"},
		{"producers", custom("producers", "\x02\x00"), "custom section producers: unexpected end"},
		{"many producers", custom("producers", "\xff\xff\xff\xff\x0f"), "custom section producers: unexpected end"},
		{"name", custom("component-name", "\x00\x80"), "custom section component-name: unexpected end"},
		{"long name", custom("component-name", "\x00\xd2\x0f"+string(text(strings.Repeat("x", 2000)))), "custom section component-name: the name is longer than 1024 bytes; it was cut"},
	} {
		c := both(t, d, component(test.section, author))
		if len(c.Problems) != 1 || !strings.HasPrefix(c.Problems[0], test.problem) {
			t.Errorf("%s: problems are %q", test.name, c.Problems)
		}
		if c.Kind != discovery.KindComponent || c.Metadata.Authors != "Ada" || c.WIT == nil {
			t.Errorf("%s: got %+v", test.name, c)
		}
	}
}

// What is nested says nothing of the outer component.
func TestNestedMetadata(t *testing.T) {
	inner := component(custom("licenses", "MIT"), custom("producers", producers("language", "C", "")), custom("component-name", "\x00\x02\x01x"))
	c := both(t, newDescriber(t), component(nested(inner), section(1, module(custom("authors", "Eve"), section(3, leb(0)), section(10, leb(0))))))
	if c.Metadata != (discovery.Metadata{}) || len(c.Producers) > 0 || c.Name != "" || c.Custom.Total > 0 || c.Children != 2 || c.Code != 1 {
		t.Errorf("got %+v", c.Description)
	}
}

// However much there is, a description and a WIT have at most a few megabytes of JSON.
func TestListsAreBounded(t *testing.T) {
	const n = 20_000
	var exports, sections, packages []byte
	for i := range n {
		exports = append(append(exports, text(fmt.Sprintf("%s%d", strings.Repeat("x", 200), i))...), 0, 0)
		sections = append(sections, custom(fmt.Sprint(i), "")...)
		packages = fmt.Appendf(packages, `,{"name":"p%d","version":"1","source":"s"}`, i)
	}
	b := module(
		section(1, leb(1), []byte{0x60, 0, 0}), section(3, leb(1), []byte{0}),
		section(7, leb(n), exports), section(10, leb(1), []byte{2, 0, 0x0b}),
		custom(".dep-v0", deflate(t, fmt.Appendf(nil, `{"packages":[%s]}`, packages[1:]))), sections)
	c := both(t, newDescriber(t), b)
	if got := []int64{c.Exports.Total, c.Dependencies.Total, c.Custom.Total}; !reflect.DeepEqual(got, []int64{n, n, n + 1}) {
		t.Errorf("totals are %d", got)
	}
	// 605 names fill the 120 KiB that exports have.
	if got := []int{len(c.Exports.Items), len(c.Dependencies.Items), len(c.Custom.Items)}; !reflect.DeepEqual(got, []int{605, 1000, 1000}) {
		t.Errorf("items are %d", got)
	}
	want := []string{"there are more exports than are listed", "there are more dependencies than are listed", "there are more custom sections than are listed"}
	if !reflect.DeepEqual(c.Problems, want) {
		t.Errorf("problems are %q", c.Problems)
	}
}

// What one instance answers, behind other questions, is what it would answer alone.
func TestInspectionIsOfTheContentAlone(t *testing.T) {
	d := newDescriber(t)
	files, err := testdata.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{"module": module(), "text": custom("authors", "Ada"), "deep": component(nested(component(section(1, module()))))}
	for _, file := range files {
		if name, ok := strings.CutSuffix(file.Name(), ".wasm"); ok {
			contents[name] = sample(t, name)
		}
	}
	for name, b := range contents {
		i, err := d.sandbox.Inspect(t.Context(), bytes.NewReader(b), int64(len(b)), true)
		if rejected := (*content.RejectedError)(nil); errors.As(err, &rejected) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		description, err := describeUnchecked(d, t.Context(), bytes.NewReader(b), int64(len(b)))
		if got, err2 := described(int64(len(b)), i, nil); !reflect.DeepEqual(got, description) || !reflect.DeepEqual(err, err2) {
			t.Errorf("%s: described as %+v, %v; alone as %+v, %v", name, got, err2, description, err)
		}
		wit, err := witUnchecked(d, t.Context(), bytes.NewReader(b), int64(len(b)))
		if got, err2 := witOf(i); !reflect.DeepEqual(got, wit) || !reflect.DeepEqual(err, err2) {
			t.Errorf("%s: its WIT is %+v, %v; alone %+v, %v", name, got, err2, wit, err)
		}
	}
}

// Code and data are not read to describe them.
func TestDescribeSkips(t *testing.T) {
	d := newDescriber(t)
	b := module(section(5, leb(1), []byte{0, 1}), section(11, leb(1), []byte{0, 0x41, 0, 0x0b}, text(strings.Repeat("x", 8<<20))), custom("authors", "Ada"))
	r := &countingReader{ReaderAt: bytes.NewReader(b)}
	c, err := describeUnchecked(d, t.Context(), r, int64(len(b)))
	if err != nil || c.Metadata.Authors != "Ada" || c.Data < 8<<20 {
		t.Errorf("got %+v, %v", c, err)
	}
	if r.read > 256<<10 {
		t.Errorf("%d bytes were read", r.read)
	}
}

// A context ends what is under way, and what begins.
func TestContextEnds(t *testing.T) {
	d := newDescriber(t)
	b := sample(t, "exponential")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := witUnchecked(d, ctx, cancelling{bytes.NewReader(b), cancel}, int64(len(b))); !errors.Is(err, context.Canceled) {
		t.Errorf("under way: %v", err)
	}
	if _, err := d.Both(ctx, bytes.NewReader(b), int64(len(b))); !errors.Is(err, context.Canceled) {
		t.Errorf("afterwards: %v", err)
	}
}

// cancelling calls cancel when it is read, which is before the content is decoded.
type cancelling struct {
	io.ReaderAt
	cancel func()
}

func (c cancelling) ReadAt(p []byte, off int64) (int, error) {
	c.cancel()
	return c.ReaderAt.ReadAt(p, off)
}

// What cannot be read is an error, and no description.
func TestUnreadableContent(t *testing.T) {
	d := newDescriber(t)
	b := component(custom("authors", strings.Repeat("x", 1<<20)))
	broken := errors.New("the disk is broken")
	for _, f := range []func(io.ReaderAt) error{
		func(r io.ReaderAt) error { _, err := d.Both(t.Context(), r, int64(len(b))); return err },
		func(r io.ReaderAt) error { _, err := describeUnchecked(d, t.Context(), r, int64(len(b))); return err },
		func(r io.ReaderAt) error { _, err := witUnchecked(d, t.Context(), r, int64(len(b))); return err },
	} {
		if err := f(failingReader{broken}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if err := f(bytes.NewReader(b[:100])); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("content that is shorter than said: %v", err)
		}
	}
}

type failingReader struct{ err error }

func (f failingReader) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestLargeContentHasNoWIT(t *testing.T) {
	d := newDescriber(t)
	_, err := witUnchecked(d, t.Context(), failingReader{errors.New("it must not be read")}, content.MaxWITSize+1)
	if none := (*NoWITError)(nil); !errors.As(err, &none) || !strings.Contains(none.Reason, "64 MiB") {
		t.Errorf("got %v", err)
	}
}

// Whatever the bytes are, they are described, and nothing else happens.
func FuzzBoth(f *testing.F) {
	files, err := testdata.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(sample(f, strings.TrimSuffix(file.Name(), ".wasm")))
	}
	f.Add(module(custom("name", "\x00\x05\x04main"), custom("producers", producers("language", "C", "")), custom("licenses", "MIT")))
	f.Add(component(custom(".dep-v0", deflate(f, []byte(`{"packages":[]}`)))))
	d := newDescriber(f)
	both(f, d, module()) // the sandbox is compiled then, for which an input has no time
	f.Fuzz(func(t *testing.T, b []byte) {
		c := both(t, d, b)
		if (c.Kind == "") != (len(c.Problems) == 1 && strings.HasPrefix(c.Problems[0], "content is ")) {
			t.Errorf("%x: %+v", b, c)
		}
		if c.WIT != nil && (len(c.WIT.Packages) == 0 || !c.WIT.Packages[0].Main || c.WIT.Kind != c.Kind) {
			t.Errorf("%x: a %s with WIT %+v", b, c.Kind, c.WIT)
		}
		// It is also safe, if of no use, without having been validated.
		if _, err := describeUnchecked(d, t.Context(), bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("%x: %v", b, err)
		}
	})
}

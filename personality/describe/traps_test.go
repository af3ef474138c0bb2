package describe

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Components that are valid and that the decoder of WIT fails on: by endless recursion, by
// panics, or with an error. Each is described all the same.
func TestContentWithoutWIT(t *testing.T) {
	d := newDescriber(t)
	for _, test := range []struct {
		name, reason     string
		imports, exports []string
	}{
		{"cyclic-packages", "the decoder failed: wasm error:", []string{"a:a/a", "b:b/b", "a:a/c"}, nil},
		{"function-unlocked-dep", "the decoder failed: internal error: entered unreachable code", []string{"unlocked-dep=<a:b>"}, nil},
		{"function-url", "the decoder failed: internal error: entered unreachable code", []string{"url=<https://example.com/a.wasm>"}, nil},
		{"function-interface", "the decoder failed: internal error: entered unreachable code", []string{"a:b/c"}, nil},
		{"instance-locked-dep", "cannot extract item name", []string{"locked-dep=<a:b@1.0.0>"}, nil},
		{"instance-unlocked-dep", "cannot extract item name", []string{"unlocked-dep=<a:b@{>=1.0.0}>"}, nil},
		{"instance-url", "cannot extract item name", []string{"url=<https://example.com/a.wasm>"}, nil},
		{"instance-integrity", "cannot extract item name", []string{"integrity=<sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=>"}, nil},
		{"exports-module", "was not a function or instance", nil, []string{"m"}},
		{"exports-component", "was not a function or instance", nil, []string{"c"}},
		{"exports-type", "was not a function or instance", nil, []string{"t"}},
	} {
		b := sample(t, test.name)
		c := both(t, d, b)
		if c.Kind != discovery.KindComponent || c.WIT != nil {
			t.Errorf("%s: it is a %q with WIT %v", test.name, c.Kind, c.WIT)
		}
		if len(c.Problems) != 1 || !strings.HasPrefix(c.Problems[0], "there is no WIT: ") || !strings.Contains(c.Problems[0], test.reason) {
			t.Errorf("%s: problems are %q", test.name, c.Problems)
		}
		if got := names(c.Imports); !slices.Equal(got, test.imports) {
			t.Errorf("%s: imports are %q", test.name, got)
		}
		if got := names(c.Exports); !slices.Equal(got, test.exports) {
			t.Errorf("%s: exports are %q", test.name, got)
		}
		_, err := d.WIT(t.Context(), bytes.NewReader(b), int64(len(b)))
		if none := (*NoWITError)(nil); !errors.As(err, &none) || !strings.Contains(none.Reason, test.reason) {
			t.Errorf("%s: WIT fails with %v", test.name, err)
		}
	}
}

func names(list discovery.List[discovery.Extern]) (names []string) {
	for _, e := range list.Items {
		names = append(names, e.Name)
	}
	return names
}

// WIT has no word for a component that is imported as a dependency: the imports are those
// of the description.
func TestImportThatWITLeavesOut(t *testing.T) {
	c := both(t, newDescriber(t), sample(t, "component-unlocked-dep"))
	if got := names(c.Imports); !slices.Equal(got, []string{"unlocked-dep=<a:b@{>=1.0.0}>", "a:b/c@0.1.0"}) {
		t.Errorf("imports are %q", got)
	}
	if c.WIT == nil || !slices.Equal(c.WIT.Worlds[0].Imports, []string{"a:b/c@0.1.0"}) {
		t.Errorf("WIT is %+v", c.WIT)
	}
}

// Of a core module, the decoder would return the WIT of an empty component.
func TestModuleHasNoWIT(t *testing.T) {
	d := newDescriber(t)
	b := module()
	if c := both(t, d, b); c.Kind != discovery.KindModule || c.WIT != nil || len(c.Problems) > 0 {
		t.Errorf("got %+v", c)
	}
	_, err := d.WIT(t.Context(), bytes.NewReader(b), int64(len(b)))
	if none := (*NoWITError)(nil); !errors.As(err, &none) || none.Reason != "a core module has no WIT" {
		t.Errorf("WIT fails with %v", err)
	}
}

// Documentation counts if it is the outermost component's own, and fits. Other does not
// keep the WIT from being read.
func TestDocumentation(t *testing.T) {
	d := newDescriber(t)
	for name, test := range map[string]struct{ docs, problem string }{
		"docs":            {docs: "/// What it does.\n"},
		"docs-nested":     {},
		"docs-malformed":  {problem: "custom section package-docs: invalid type: integer `7`"},
		"docs-twice":      {problem: "custom section package-docs: there is more than one; documentation is missing"},
		"docs-of-nothing": {problem: `custom section package-docs: missing world "elsewhere"`},
	} {
		c := both(t, d, sample(t, name))
		if c.WIT == nil {
			t.Errorf("%s: no WIT: %q", name, c.Problems)
			continue
		}
		if want := test.docs + "package root:component;\n\nworld root {\n  import a:b/c;\n}\npackage a:b {\n  interface c {\n  }\n}\n"; c.WIT.Text != want {
			t.Errorf("%s: the WIT is\n%s", name, c.WIT.Text)
		}
		if got := strings.Join(c.WIT.Problems, ";"); !strings.HasPrefix(got, test.problem) || (test.problem == "") != (got == "") {
			t.Errorf("%s: problems of the WIT are %q", name, got)
		}
	}
}

// Printing 199 bytes makes more than a MiB of text: it is cut, and the rest is there.
func TestEndlessWIT(t *testing.T) {
	c := both(t, newDescriber(t), sample(t, "exponential"))
	if c.WIT == nil || !c.WIT.Truncated {
		t.Fatalf("problems are %q", c.Problems)
	}
	if size := len(c.WIT.Text); size != 1<<20 {
		t.Errorf("the text has %d bytes", size)
	}
	if !strings.HasPrefix(c.WIT.Text, "package root:component;\n\nworld root {\n  import f: func(x: tuple<tuple<") {
		t.Errorf("it begins with %.100q", c.WIT.Text)
	}
	if len(c.WIT.Worlds) != 1 || !slices.Equal(c.WIT.Worlds[0].Imports, []string{"f"}) {
		t.Errorf("worlds are %+v", c.WIT.Worlds)
	}
}

// Lengths in what is not valid are not believed: nothing but the validator sees it.
func TestInvalidContent(t *testing.T) {
	d := newDescriber(t)
	for name, b := range map[string][]byte{
		"empty":                    nil,
		"text":                     []byte("(module)"),
		"a type of 2^32-1 parts":   component(section(7, leb(1), []byte{0x41}, leb(1<<32-1))),
		"2^32-1 imports":           module(section(2, leb(1<<32-1))),
		"a section that ends late": append(module(), 2, 0xff, 0xff, 0xff, 0xff, 0x0f),
	} {
		c := both(t, d, b)
		if c.Kind != "" || c.WIT != nil || len(c.Problems) != 1 || !strings.HasPrefix(c.Problems[0], "content is not valid WebAssembly: ") {
			t.Errorf("%s: got %+v", name, c)
		}
		if c.Size != int64(len(b)) {
			t.Errorf("%s: its size is %d", name, c.Size)
		}
		_, err := d.WIT(t.Context(), bytes.NewReader(b), int64(len(b)))
		if none := (*NoWITError)(nil); !errors.As(err, &none) {
			t.Errorf("%s: WIT fails with %v", name, err)
		}
	}
}

// The sandbox itself is safe from what was not validated, if not sparing.
func TestDescribingWithoutValidation(t *testing.T) {
	d := newDescriber(t)
	for _, b := range [][]byte{
		nil, []byte("(module)"), []byte(emptyModule)[:7],
		append(module(), 2, 0xff, 0xff, 0xff, 0xff, 0x0f),
		append(component(), 1, 4, 0, 'a', 's', 'm'),
		component(section(1, []byte(emptyModule), []byte{3, 200})),
		module(section(3)), module(section(0)), module(section(0, leb(200))),
		module(section(2, leb(1<<32-1))),
		component(custom("component-name", "\x00\x05\x03abc")),
	} {
		c, err := describeUnchecked(d, t.Context(), bytes.NewReader(b), int64(len(b)))
		if err != nil || len(c.Problems) == 0 {
			t.Errorf("%x: %+v, %v", b, c, err)
		}
		if _, err := witUnchecked(d, t.Context(), bytes.NewReader(b), int64(len(b))); !errors.As(err, new(*NoWITError)) && len(b) > 0 && bytes.HasPrefix(b, []byte(emptyModule)) {
			t.Errorf("%x: WIT fails with %v", b, err)
		}
	}
}

// Nesting is followed to a depth, which the description says.
func TestDeepNesting(t *testing.T) {
	d := newDescriber(t)
	deep := component(section(1, module(section(0, text("x")))))
	for range 20 {
		deep = component(nested(deep))
	}
	c := both(t, d, deep)
	if c.Kind != discovery.KindComponent || c.Children != 21 || c.WIT != nil {
		t.Errorf("kind %q, %d children, WIT %v", c.Kind, c.Children, c.WIT)
	}
	want := []string{
		"modules and components that are nested in more than 20 others were passed over",
		"there is no WIT: modules and components are nested too deep",
	}
	if !slices.Equal(c.Problems, want) {
		t.Errorf("problems are %q", c.Problems)
	}
	if c := both(t, d, component(nested(component(section(1, module()))))); c.Children != 2 || c.WIT == nil || len(c.Problems) > 0 {
		t.Errorf("with two: %+v", c)
	}
}

// What terminals and browsers would act on is in the texts as it is in the content.
func TestHostileTextIsLeftAsItIs(t *testing.T) {
	hostile := "\x1b[2J\x00<script>alert(1)</script>\u202e\" \\"
	c := both(t, newDescriber(t), module(
		custom("description", hostile),
		custom("homepage", "javascript:alert(1)"),
		custom(hostile, "")))
	if c.Metadata.Description != hostile || c.Metadata.Homepage != "javascript:alert(1)" || c.Custom.Items[2].Name != hostile {
		t.Errorf("got %+v and %+v", c.Metadata, c.Custom)
	}
}

package wasmtools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/describe"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// compared are the samples that are there, by kind.
type compared struct {
	tool  string
	files map[string][]string // paths by folder: components, wit, modules
}

func find(t *testing.T) compared {
	t.Helper()
	tool, err := tools.Path("wasm-tools")
	if err != nil {
		t.Skipf("wasm-tools is not installed: %v", err)
	}
	c := compared{tool: tool, files: map[string][]string{}}
	for _, folder := range []string{"components", "wit", "modules"} {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(tool)), "wasm-samples", folder, "*.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		c.files[folder] = files
	}
	if n := len(c.files["components"]) + len(c.files["wit"]); n < 40 {
		t.Fatalf("there are %d components and WIT packages in .cache/tools/wasm-samples, want 40: run `make tools`", n)
	}
	return c
}

// run is what the tool prints; failed says that it failed.
func (c compared) run(t *testing.T, args ...string) (out string, failed bool) {
	t.Helper()
	command := exec.CommandContext(t.Context(), c.tool, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	b, err := command.Output()
	if err != nil && stderr.Len() == 0 {
		t.Fatalf("%v: %v", args, err)
	}
	return string(b), err != nil
}

func newDescriber(t *testing.T) *describe.Describer {
	t.Helper()
	p, err := content.NewWasmPolicy(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return describe.New(p)
}

func TestDescriptionsEqualThoseOfWasmTools(t *testing.T) {
	c := find(t)
	d := newDescriber(t)
	for folder, files := range c.files {
		t.Run(folder, func(t *testing.T) {
			if folder == "modules" && len(files) < 10 {
				t.Skipf("there are %d samples: npm was not there when `make tools` ran (integration/tools/wasm.sh)", len(files))
			}
			described, withWIT := 0, 0
			for _, file := range files {
				got, valid := describeFile(t, d, file)
				if _, failed := c.run(t, "validate", "--features=all", file); failed == valid {
					t.Errorf("%s: valid is %v, not so for wasm-tools", file, valid)
				}
				if !valid {
					continue
				}
				described++
				c.compareMetadata(t, file, got.Description)
				c.compareExterns(t, file, got.Description)
				c.compareSections(t, file, got.Description)
				if c.compareWIT(t, file, got) {
					withWIT++
				}
			}
			t.Logf("%d samples, %d of them described, %d with WIT", len(files), described, withWIT)
			if described < 10 || (folder != "modules" && withWIT < 10) {
				t.Errorf("%d were described and %d have WIT", described, withWIT)
			}
		})
	}
}

func describeFile(t *testing.T, d *describe.Describer, file string) (describe.Contents, bool) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Both(t.Context(), f, info.Size())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return got, got.Kind != ""
}

// compareWIT compares the text, and returns whether there is some.
func (c compared) compareWIT(t *testing.T, file string, got describe.Contents) bool {
	t.Helper()
	if got.Kind == discovery.KindModule {
		return false
	}
	want, failed := c.run(t, "component", "wit", file)
	if failed != (got.WIT == nil) {
		t.Errorf("%s: wasm-tools fails: %v; problems are %q", file, failed, got.Problems)
	}
	if failed || got.WIT == nil {
		return false
	}
	if got.WIT.Text != want && got.WIT.Text != strings.TrimSuffix(want, "\n") {
		t.Errorf("%s: the WIT is\n%s\nwant\n%s", file, got.WIT.Text, want)
	}
	return true
}

// shown is what `wasm-tools metadata show --json` prints of the outermost level.
type shown struct {
	Name        *string
	Producers   [][2]json.RawMessage // fields with their values
	Authors     *string
	Description *string
	Licenses    *string
	Source      *string
	Homepage    *string
	Revision    *string
	Version     *string
	Range       struct{ Start, End int64 }
}

func (c compared) compareMetadata(t *testing.T, file string, got discovery.Description) {
	t.Helper()
	out, failed := c.run(t, "metadata", "show", "--json", file)
	if failed {
		t.Errorf("%s: wasm-tools shows no metadata", file)
		return
	}
	var payload struct {
		Module    *shown
		Component *struct{ Metadata shown }
	}
	if err := json.Unmarshal([]byte(out), &payload); err != nil {
		t.Fatalf("%s: %v in %s", file, err, out)
	}
	want := payload.Module
	if (want != nil) != (got.Kind == discovery.KindModule) {
		t.Errorf("%s: the kind is %q", file, got.Kind)
	}
	if want == nil {
		want = &payload.Component.Metadata
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	wantMetadata := discovery.Metadata{
		Authors: text(want.Authors), Description: text(want.Description), Licenses: text(want.Licenses), Source: text(want.Source),
		Homepage: text(want.Homepage), Revision: text(want.Revision), Version: text(want.Version),
	}
	if got.Metadata != wantMetadata || got.Name != text(want.Name) || got.Size != want.Range.End-want.Range.Start {
		t.Errorf("%s: %+v %q %d, want %+v", file, got.Metadata, got.Name, got.Size, want)
	}
	var producers []string
	for _, p := range got.Producers {
		producers = append(producers, fmt.Sprintf("%s %s %s", p.Field, p.Name, p.Version))
	}
	if got, want := fmt.Sprintf("%q", producers), fmt.Sprintf("%q", want.producers(t)); got != want {
		t.Errorf("%s: producers are %s, want %s", file, got, want)
	}
}

func (s *shown) producers(t *testing.T) (lines []string) {
	t.Helper()
	for _, pair := range s.Producers {
		var field string
		if err := json.Unmarshal(pair[0], &field); err != nil {
			t.Fatal(err)
		}
		// An object whose order counts.
		decoder := json.NewDecoder(bytes.NewReader(pair[1]))
		var words []string
		for {
			token, err := decoder.Token()
			if err != nil {
				break
			}
			if word, ok := token.(string); ok {
				words = append(words, word)
			}
		}
		for i := 0; i+1 < len(words); i += 2 {
			lines = append(lines, fmt.Sprintf("%s %s %s", field, words[i], words[i+1]))
		}
	}
	return lines
}

// An import or export at the outermost level, as `wasm-tools print --skeleton` has it. The
// suffix of a version belongs to the name.
var (
	printedImport = regexp.MustCompile(`(?m)^  \(import "((?:[^"\\]|\\.)*)"(?: "((?:[^"\\]|\\.)*)")?(?: \(versionsuffix "([^"]*)"\))? `)
	printedExport = regexp.MustCompile(`(?m)^  \(export (?:\$"[^"]*" |\$\S+ |\(@name "[^"]*"\) |\(;\d+;\) )*"((?:[^"\\]|\\.)*)"(?: \(versionsuffix "([^"]*)"\))? `)
)

func (c compared) compareExterns(t *testing.T, file string, got discovery.Description) {
	t.Helper()
	out, failed := c.run(t, "print", "--skeleton", file)
	if failed {
		t.Errorf("%s: wasm-tools does not print it", file)
		return
	}
	var want, have []string
	for _, match := range printedImport.FindAllStringSubmatch(out, -1) {
		want = append(want, strings.TrimSpace(match[1]+" "+match[2])+match[3])
	}
	for _, match := range printedExport.FindAllStringSubmatch(out, -1) {
		want = append(want, match[1]+match[2])
	}
	for _, e := range append(got.Imports.Items, got.Exports.Items...) {
		have = append(have, strings.TrimSpace(e.Module+" "+e.Name))
	}
	if got.Imports.Total+got.Exports.Total != int64(len(have)) || fmt.Sprintf("%q", have) != fmt.Sprintf("%q", want) {
		t.Errorf("%s: imports and exports are\n%q, want\n%q", file, have, want)
	}
}

// A line of `wasm-tools objdump`: a section with its size; those nested are indented.
var dumped = regexp.MustCompile(`(?m)^( *)(?:(code|data)|custom "([^"]*)") +\|.*\| +(\d+) bytes`)

func (c compared) compareSections(t *testing.T, file string, got discovery.Description) {
	t.Helper()
	out, failed := c.run(t, "objdump", file)
	if failed {
		t.Errorf("%s: wasm-tools does not dump it", file)
		return
	}
	var code, data int64
	var want, have []string
	for _, match := range dumped.FindAllStringSubmatch(out, -1) {
		size, err := strconv.ParseInt(match[4], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case match[2] == "code":
			code += size
		case match[2] == "data":
			data += size
		case len(match[1]) <= 2:
			want = append(want, match[3])
		}
	}
	for _, s := range got.Custom.Items {
		have = append(have, s.Name)
	}
	if got.Code != code || got.Data != data || fmt.Sprintf("%q", have) != fmt.Sprintf("%q", want) {
		t.Errorf("%s: %d bytes of code, %d of data, and custom sections %q; want %d, %d and %q", file, got.Code, got.Data, have, code, data, want)
	}
}

// What wasm-tools adds is read, by the command that authors are told.
func TestMetadataThatWasmToolsAdds(t *testing.T) {
	c := find(t)
	d := newDescriber(t)
	for _, folder := range []string{"components", "wit"} {
		original, added := c.files[folder][0], filepath.Join(t.TempDir(), "added.wasm")
		if out, failed := c.run(t, "metadata", "add", "--name", "thing", "--authors", "Ada <ada@example.com>", "--description", "What it does.",
			"--licenses", "Apache-2.0 OR MIT", "--source", "https://example.com/source", "--homepage", "https://example.com/",
			"--revision", "abc", "--version", "1.2.3", "--processed-by", "tool=1.0", "--language", "Rust=2024", "-o", added, original); failed {
			t.Fatalf("%s: %s", original, out)
		}
		got, _ := describeFile(t, d, added)
		c.compareMetadata(t, added, got.Description)
		if got.Metadata.Licenses != "Apache-2.0 OR MIT" || got.Metadata.Authors == "" || got.Name != "thing" || len(got.Producers) < 2 || len(got.Problems) > 0 {
			t.Errorf("%s: got %+v", original, got.Description)
		}
		for file, licensed := range map[string]bool{original: false, added: true} {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.RequireLicense()(t.Context(), bytes.NewReader(b), int64(len(b))); (err == nil) != licensed {
				t.Errorf("%s: requiring a licence says %v", file, err)
			}
		}
	}
}

// The samples of package describe are what wasm-tools makes of their text.
func TestSamplesAreMadeOfTheirText(t *testing.T) {
	c := find(t)
	top, err := tools.Top()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(top, "personality", "describe", "testdata")
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		text := filepath.Join(folder, file.Name())
		var args []string
		switch filepath.Ext(text) {
		case ".wat":
			args = []string{"parse", text}
		case ".wit":
			args = []string{"component", "wit", "--wasm", text}
		default:
			continue
		}
		n++
		want, failed := c.run(t, args...)
		got, err := os.ReadFile(strings.TrimSuffix(text, filepath.Ext(text)) + ".wasm")
		if failed || err != nil || string(got) != want {
			t.Errorf("%s was not made by `wasm-tools %s` (%v)", text, strings.Join(args, " "), err)
		}
	}
	if n < 10 {
		t.Errorf("there are %d samples with a text", n)
	}
}

package personality_test

import (
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/reader"
)

const module = "github.com/warg-trillian/warg-trillian/"

// upperPackages are above those that keep something.
const upperPackages = "personality cmd config personality/admission personality/publisher personality/reader personality/httpapi " +
	"personality/web personality/federation personality/oci personality/policy personality/access personality/limits personality/metrics personality/tracing personality/internal/parts"

// arrows are the rules about which package may import which. A package stands for
// those below it, too, except for personality, which is itself alone.
var arrows = []struct {
	packages string
	mayNot   string
	know     knowing
	because  string
}{
	{"warg", "personality personality/... cmd config", inAnyWay, "clients, auditors and mirrors need no server"},
	{"warg", "github.com/google/trillian database/sql github.com/go-sql-driver modernc.org google.golang.org/grpc github.com/tetratelabs",
		inAnyWay, "what they need is light"},
	{"personality/...", "cmd config integration", inAnyWay, "the server's parts are told what they need; they do not read settings"},

	{"personality/httpapi", "personality/publisher", inAnyWay, "who asks has no part in publishing"},
	{"personality/oci", "personality/admission personality/publisher personality/httpapi personality/trilliansvc", inAnyWay, "OCI clients see what was published"},
	{"personality/oci", "personality/store personality/content personality/index database/sql", directly, "what was published is asked of the reader"},
	{"personality/web", "personality/admission personality/publisher personality/reader personality/httpapi personality/trilliansvc", inAnyWay, "the pages show what they are given"},
	{"personality/web", "personality/store personality/content personality/index database/sql", directly, "what was published is asked of the reader"},
	{"personality/discovery", "personality/admission personality/publisher personality/httpapi personality/oci personality/trilliansvc personality/reader", inAnyWay,
		"the index is made of what was published, and nothing depends on it"},
	{"personality/discovery", "personality/store personality/content personality/index", directly, "what was published is asked of the reader"},
	{"personality/httpapi", "personality/store personality/trilliansvc personality/content database/sql", directly, "the API asks admission and reader"},
	{"personality/federation", "personality/admission personality/publisher personality/store personality/trilliansvc database/sql", directly, "a mode is what the API asks of a registry"},
	{"personality/admission", "personality/publisher personality/reader personality/httpapi personality/trilliansvc", inAnyWay, "what may enter does not depend on what was made of it"},
	{"personality/publisher", "personality/admission personality/reader personality/httpapi", inAnyWay, "the publisher takes what is in the store"},
	{"personality/reader", "personality/admission personality/publisher personality/httpapi personality/trilliansvc", inAnyWay, "what was published can be read without those who publish"},
	{"personality/admission personality/publisher personality/reader", "database/sql", directly, "SQL is the store's"},

	{"personality/metrics", "personality/httpapi personality/admission personality/publisher personality/reader personality/store personality/trilliansvc",
		inAnyWay, "each part says in an interface of its own what it reports"},
	{"personality/access personality/limits personality/policy personality/tracing", "personality/httpapi personality/admission personality/publisher personality/reader personality/store personality/trilliansvc",
		inAnyWay, "they are used, and use nobody"},
	{"personality/content personality/admission personality/reader personality/httpapi", "gocloud.dev github.com/aws github.com/Azure cloud.google.com", inAnyWay, "what a bucket is made of is for personality/objects"},
	{"personality/store personality/content personality/objects personality/outbound personality/index personality/trilliansvc personality/sqlitestorage personality/files", upperPackages, inAnyWay, "dependencies point downwards"},
}

type knowing string

const (
	directly knowing = "import"
	inAnyWay knowing = "depend on"
)

func TestArrows(t *testing.T) {
	imports, deps := packages(t)
	for _, rule := range arrows {
		known := deps
		if rule.know == directly {
			known = imports
		}
		subjects := 0
		for p := range imports {
			if !anyOf(rule.packages, p) {
				continue
			}
			subjects++
			for _, other := range known[p] {
				if other == p || !anyOf(rule.mayNot, other) {
					continue
				}
				t.Errorf("%s must not %s %s: %s", p, rule.know, other, rule.because)
			}
		}
		if subjects == 0 {
			t.Errorf("there is no package %s", rule.packages)
		}
	}
}

// CONTRIBUTING.md says of every package what it holds, and of those of the server
// what they import, which stands further down.
func TestEveryPackageIsExplained(t *testing.T) {
	page, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	imports, _ := packages(t)
	for p, imported := range imports {
		if strings.Contains(p, "/internal/") || strings.HasSuffix(p, "test") || strings.HasPrefix(p, "integration") {
			continue
		}
		_, row, found := strings.Cut(string(page), "\n| `"+p+"` |")
		if !found {
			t.Errorf("CONTRIBUTING.md has no line for %s", p)
			continue
		}
		if strings.HasPrefix(p, "warg/") {
			continue
		}
		row, below, _ := strings.Cut(row, "\n")
		column := strings.Split(row, "|")[1]
		var listed []string
		for _, name := range regexp.MustCompile("`[a-z/]+`").FindAllString(column, -1) {
			listed = append(listed, strings.Trim(name, "`"))
		}
		var want []string
		for _, other := range imported {
			if !strings.HasPrefix(other, "personality") && other != "config" || strings.Contains(other, "/internal/") && !strings.Contains(string(page), "\n| `"+other+"` |") {
				continue
			}
			want = append(want, strings.TrimPrefix(other, "personality/"))
			if !strings.Contains(below, "\n| `"+other+"` |") && !strings.HasPrefix(below, "| `"+other+"` |") {
				t.Errorf("CONTRIBUTING.md has %s, which %s imports, above it", other, p)
			}
		}
		slices.Sort(listed)
		slices.Sort(want)
		if !slices.Equal(listed, want) {
			t.Errorf("CONTRIBUTING.md says that %s imports %q; it imports %q", p, listed, want)
		}
	}
}

// The parts keep what they are made of to themselves: the operator key and the
// database are not for whoever has a part in hand.
func TestPartsShowNoFields(t *testing.T) {
	for _, part := range []reflect.Type{
		reflect.TypeFor[admission.Admission](), reflect.TypeFor[publisher.Publisher](), reflect.TypeFor[reader.Reader](),
	} {
		if slices.ContainsFunc(reflect.VisibleFields(part), reflect.StructField.IsExported) {
			t.Errorf("%s shows fields", part)
		}
	}
}

// anyOf reports whether a package is one of a list, or below one of it.
func anyOf(list, p string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(of string) bool {
		if of == "personality" {
			return p == of
		}
		of = strings.TrimSuffix(of, "/...")
		return p == of || strings.HasPrefix(p, of+"/")
	})
}

// packages are those of this module, without its path, with what each imports
// and all that it depends on. Tests are left out.
func packages(t *testing.T) (imports, deps map[string][]string) {
	t.Helper()
	list := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{join .Imports \" \"}}\t{{join .Deps \" \"}}", module+"...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	imports, deps = map[string][]string{}, map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(string(out), module, "")) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		imports[fields[0]], deps[fields[0]] = strings.Fields(fields[1]), strings.Fields(fields[2])
	}
	return imports, deps
}

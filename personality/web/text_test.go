package web

import (
	"html/template"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                                  "plain",
		"  around  ":                             "around",
		"two\nlines\tand\u2028more":              "two lines and more",
		"bell\a, escape\x1b[31m":                 "bell, escape[31m",
		"C1 \u0085\u009b":                        "C1",
		"evil\u202egpj.exe":                      "evil[U+202E]gpj.exe",
		"\u2066isolated\u2069":                   "[U+2066]isolated[U+2069]",
		"\u200emark\u200f\u061c":                 "[U+200E]mark[U+200F][U+061C]",
		"in\u200bvisi\u00adble\ufeff":            "invisible",
		"tag\U000e0041":                          "tag",
		"filler\u3164":                           "filler",
		"می\u200cخواهم":                          "می\u200cخواهم", // letters that do not join
		"👩\u200d💻":                               "👩\u200d💻",
		"not \xff UTF-8":                         "not � UTF-8",
		"z" + strings.Repeat("\u0300", 50) + "a": "z\u0300\u0300\u0300a",
		"":                                       "",
	} {
		if got := line(text, 1000); got != want {
			t.Errorf("line(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	if got := lines("\n\na\tb\r\nc\n", 100); got != "a\tb\nc" {
		t.Errorf("got %q", got)
	}
}

// What is cut is never longer in HTML than was allowed, but for the ellipsis, and is whole characters.
func TestCut(t *testing.T) {
	for _, piece := range []string{"a", "<", "&", `"`, "'", "+", "é", "👩", "\u202e", "\x00", " "} {
		text := strings.Repeat(piece, 5000)
		for _, most := range []int{1, 2, 17, 100, 4999} {
			got := line(text, most)
			if n := len(template.HTMLEscapeString(got)); n > most+len("…") {
				t.Errorf("%q cut to %d: %d bytes", piece, most, n)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q cut to %d is no UTF-8", piece, most)
			}
		}
	}
	if got := line("exactly", len("exactly")); got != "exactly" {
		t.Errorf("what fits is %q", got)
	}
}

// FuzzClean: no text has anything left that reaches beyond its place.
func FuzzClean(f *testing.F) {
	f.Add("<script>alert(1)</script>", 10, false)
	f.Add("a\u202eb\x00\u0300\u0300\u0300\u0300", 1000, true)
	f.Fuzz(func(t *testing.T, text string, most int, multiline bool) {
		got, _ := clean(text, most, multiline)
		for _, r := range got {
			if turnsText(r) || invisible(r) || r < ' ' && !(multiline && (r == '\n' || r == '\t')) || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q has %U", got, r)
			}
		}
		if n := len(template.HTMLEscapeString(got)); n > max(most, 0) {
			t.Fatalf("%d bytes of HTML, %d are allowed", n, most)
		}
	})
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		size(0): "0 bytes", size(1): "1 byte", size(1023): "1\u202f023 bytes", size(1024): "1.0 KiB", size(243519): "238 KiB", size(5 << 30): "5.0 GiB", size(5000 << 30): "5000 GiB",
		need("http-client"): "HTTP requests", need("key-value-store"): "Key value store", need("filesystem"): "Filesystem", need("\u202e"): "[U+202E]", need(""): "",
		count(0): "0", count(999): "999", count(1000): "1\u202f000", count(1234567): "1\u202f234\u202f567",
		plural(1, "entry"): "1 entry", plural(2, "entry"): "2 entries", plural(2, "key"): "2 keys", plural(0, "package"): "0 packages",
		age(0): "just now", age(90e9): "90 seconds ago", age(3 * 60e9): "3 minutes ago", age(5 * 3600e9): "5 hours ago", age(72 * 3600e9): "3 days ago",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Only what leads to a web site outside is a link.
func TestOutside(t *testing.T) {
	for text, want := range map[string]string{
		"https://acme.example/a?b=c#d":          "https://acme.example/a?b=c#d",
		" http://acme.example ":                 "http://acme.example",
		"javascript:alert(1)":                   "",
		"JaVaScRiPt:alert(1)":                   "",
		"java\nscript:alert(1)":                 "",
		"data:text/html,<script>":               "",
		"//acme.example":                        "",
		"/packages":                             "",
		"acme.example":                          "",
		"https://registry.example@evil.example": "",
		"https:///path":                         "",
		"https:acme.example":                    "",
		"ftp://acme.example":                    "",
		"https://" + strings.Repeat("a", 300):   "",
		"https://a.example/\u202e":              "https://a.example/%E2%80%AE",
		"":                                      "",
	} {
		if got := outside(text); got != want {
			t.Errorf("outside(%q) = %q, want %q", text, got, want)
		}
	}
}

// A form leads to a page of this registry, whatever it says.
func TestLocalPath(t *testing.T) {
	for text, want := range map[string]string{
		"/packages/a:b?x=y":             "/packages/a:b?x=y",
		"/":                             "/",
		"":                              "/",
		"//evil.example":                "/",
		"/\\evil.example":               "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"evil":                          "/",
		"/a\r\nSet-Cookie: b":           "/",
		"/%2f/evil.example":             "/",
		"/" + strings.Repeat("a", 3000): "/",
	} {
		if got := localPath(text); got != want {
			t.Errorf("localPath(%q) = %q, want %q", text, got, want)
		}
	}
}

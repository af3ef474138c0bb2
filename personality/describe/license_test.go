package describe

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/content"
)

func TestValidLicense(t *testing.T) {
	for _, valid := range []string{
		"MIT", "Apache-2.0 WITH LLVM-exception", "MIT OR Apache-2.0", "(MIT AND BSD-3-Clause) OR GPL-2.0-or-later",
		"LicenseRef-our-terms", "GPL-3.0+", "apache-2.0",
	} {
		if !ValidLicense(valid) {
			t.Errorf("%q is not valid", valid)
		}
	}
	for _, invalid := range []string{
		"", " ", "as you like", "MIT/Apache-2.0", "MIT,", "MIT OR", "(MIT", "MIT)", "Apache-2.0 WITH", "Apache 2.0", "\x00", "MIT\x1b[2J",
		strings.Repeat("(", 5000), strings.Repeat("MIT OR ", 1000) + "MIT", "SEE LICENSE IN LICENSE", "NONE", "NOASSERTION",
	} {
		if ValidLicense(invalid) {
			t.Errorf("%.50q is valid", invalid)
		}
	}
}

func FuzzValidLicense(f *testing.F) {
	f.Add("(MIT AND LicenseRef-x) OR Apache-2.0+ WITH LLVM-exception")
	f.Fuzz(func(t *testing.T, s string) {
		if wider := "(" + s + ") OR MIT"; ValidLicense(s) && len(wider) <= maxLicense && !ValidLicense(wider) {
			t.Errorf("%q is valid, and %q is not", s, wider)
		}
	})
}

func TestRequireLicense(t *testing.T) {
	check := newDescriber(t).RequireLicense()
	for _, test := range []struct {
		name string
		b    []byte
		want []string // in the reason; none: it may enter
	}{
		{"good module", module(custom("licenses", "MIT OR Apache-2.0")), nil},
		{"good component", component(custom("licenses", "Apache-2.0 WITH LLVM-exception")), nil},
		{"none", module(), []string{"does not name its licence", "wasm-tools metadata add --licenses"}},
		{"nested only", component(section(1, module(custom("licenses", "MIT")))), []string{"does not name its licence"}},
		{"not SPDX", module(custom("licenses", "as you like")), []string{`"as you like", which is not an SPDX expression`, "wasm-tools metadata add --licenses"}},
		{"not UTF-8", module(custom("licenses", "\xff")), []string{"custom section licenses: it is not UTF-8", "wasm-tools metadata add"}},
		{"no WebAssembly", []byte("MIT"), []string{"content is not valid WebAssembly"}},
	} {
		err := check(t.Context(), bytes.NewReader(test.b), int64(len(test.b)))
		var rejected *content.RejectedError
		if test.want == nil {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if !errors.As(err, &rejected) {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(rejected.Reason, want) {
				t.Errorf("%s: the reason is %q, without %q", test.name, rejected.Reason, want)
			}
		}
	}
	broken := errors.New("the disk is broken")
	if err := check(t.Context(), failingReader{broken}, 8); !errors.Is(err, broken) {
		t.Errorf("unreadable content: %v", err)
	}
}

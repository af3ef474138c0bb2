package protocol

import (
	"slices"
	"strings"
	"testing"
)

func TestVersionOrder(t *testing.T) {
	// Semver 2.0 section 11, and the semver crate's order of build metadata.
	want := []string{
		"0.9.10", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
		"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+0", "1.0.0+00", "1.0.0+1", "1.0.0+01",
		"1.0.0+2", "1.0.0+10", "1.0.0+a", "1.0.0+a.b", "1.0.1-x", "1.0.1", "1.10.0", "18446744073709551615.0.0",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int { return mustVersion(t, a).compare(mustVersion(t, b)) })
	if !slices.Equal(got, want) {
		t.Errorf("order is\n%v, want\n%v", got, want)
	}
}

func mustVersion(t *testing.T, text string) version {
	t.Helper()
	v, err := parseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRequirements(t *testing.T) {
	all := []string{
		"0.0.3", "0.0.4", "0.2.3", "0.2.9", "0.3.0", "1.0.0-alpha", "1.0.0-beta", "1.0.0", "1.2.3-rc.1", "1.2.3",
		"1.2.4-rc.1", "1.2.4", "1.3.0", "2.0.0-alpha", "2.0.0",
	}
	for requirement, want := range map[string]string{
		"*":                      "0.0.3 0.0.4 0.2.3 0.2.9 0.3.0 1.0.0 1.2.3 1.2.4 1.3.0 2.0.0",
		"0.0.3":                  "0.0.3",
		"^0.0":                   "0.0.3 0.0.4",
		"^0":                     "0.0.3 0.0.4 0.2.3 0.2.9 0.3.0",
		"0.2.3":                  "0.2.3 0.2.9",
		"1.2.3":                  "1.2.3 1.2.4 1.3.0",
		"1.2.3-rc.1":             "1.2.3-rc.1 1.2.3 1.2.4 1.3.0",
		"~1.2.3":                 "1.2.3 1.2.4",
		"~1.2":                   "1.2.3 1.2.4",
		"~1":                     "1.0.0 1.2.3 1.2.4 1.3.0",
		"1.*":                    "1.0.0 1.2.3 1.2.4 1.3.0",
		"1.2.x":                  "1.2.3 1.2.4",
		"=1.2":                   "1.2.3 1.2.4",
		"> 1.2":                  "1.3.0 2.0.0",
		">1.2.3, <2":             "1.2.4 1.3.0",
		">=1.2.3,<=1.2.4":        "1.2.3 1.2.4",
		"<=1.2":                  "0.0.3 0.0.4 0.2.3 0.2.9 0.3.0 1.0.0 1.2.3 1.2.4",
		">=1.0.0-alpha, ^1":      "1.0.0-alpha 1.0.0-beta 1.0.0 1.2.3 1.2.4 1.3.0",
		"<1.0.0-beta, >=0.3":     "0.3.0 1.0.0-alpha",
		">=1.0.0-alpha, <=1.0.0": "1.0.0-alpha 1.0.0-beta 1.0.0",
		"=1.2.3+build":           "1.2.3",
		"1.*.*":                  "1.0.0 1.2.3 1.2.4 1.3.0",
		// A label is not equal to two numbers without one, and neither above nor below.
		">=1.2, =1.2.3-rc.1": "",
		"<=1.2, =1.2.3-rc.1": "",
		"~1.2, =1.2.3-rc.1":  "",
		"=1.2.3-rc.1":        "1.2.3-rc.1",
	} {
		req, err := parseRequirement(requirement)
		if err != nil {
			t.Errorf("%q: %v", requirement, err)
			continue
		}
		var got []string
		for _, text := range all {
			if v, _ := parseVersion(text); req.matches(v) {
				got = append(got, text)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q fits\n%v, want\n[%s]", requirement, got, want)
		}
	}
}

// Labels have letters and digits, the first and the last of each kind as well, and "-".
func TestLabels(t *testing.T) {
	for _, text := range []string{"1.0.0-a.z.A.Z.0.9.-", "1.0.0+a.z.A.Z.0.9.-"} {
		if _, err := parseVersion(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, c := range "`{@[/:_" { // beside them in ASCII
		if _, err := parseVersion("1.0.0-" + string(c)); err == nil {
			t.Errorf("label %q is taken", c)
		}
	}
}

func TestRefusedRequirements(t *testing.T) {
	for _, requirement := range []string{
		"", " ", "a", "1,", ",1", "*, 1", "1, *", "* 1", "1 2", "1.*.3", "1-alpha", "1.2-alpha", "1.2+b", "01", "1.2.3-",
		"1.2.3+", "==1", "=>1", "^^1", "1.2.3.4", "v1", "18446744073709551616", strings.Repeat("1,", maxComparators) + "1",
	} {
		if req, err := parseRequirement(requirement); err == nil {
			t.Errorf("%q is accepted as %v", requirement, req)
		}
	}
}

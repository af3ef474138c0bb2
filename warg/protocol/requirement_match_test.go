package protocol

import (
	"bytes"
	"testing"
)

// Each version is greater than the one before it. Source of the pre-releases: semver 2.0,
// section 11; build metadata as Rust's semver crate orders it.
var versionsInOrder = []string{
	"0.0.0", "0.0.1", "0.2.0-rc-2023-11-10", "0.2.0-rc-2023-12-05", "0.2.0", "0.2.9", "0.2.10", "0.10.0",
	"1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.1.0", "1.0.0-alpha.beta", "1.0.0-alpha-b", "1.0.0-beta",
	"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+0", "1.0.0+1", "1.0.0+01", "1.0.0+2", "1.0.0+10", "1.0.0+a", "1.0.0+a.1",
	"2.0.0", "255.0.0", "256.0.0", "18446744073709551615.0.0",
}

func TestCompareVersions(t *testing.T) {
	sign := func(i, j int) int {
		switch {
		case i < j:
			return -1
		case i > j:
			return 1
		}
		return 0
	}
	for i, a := range versionsInOrder {
		for j, b := range versionsInOrder {
			if got := CompareVersions(a, b); got != sign(i, j) {
				t.Errorf("CompareVersions(%s, %s) = %d", a, b, got)
			}
			if got := bytes.Compare(AppendVersionKey(nil, a), AppendVersionKey(nil, b)); got != sign(i, j) {
				t.Errorf("keys of %s and %s compare as %d", a, b, got)
			}
		}
	}
	if CompareVersions("x", "0.0.0") != -1 || CompareVersions("0.0.0", "x") != 1 || CompareVersions("x", "y") != -1 || CompareVersions("y", "x") != 1 || CompareVersions("x", "x") != 0 {
		t.Error("what is no version is not before all versions")
	}
}

func FuzzVersionKey(f *testing.F) {
	for i, v := range versionsInOrder {
		f.Add(v, versionsInOrder[(i+1)%len(versionsInOrder)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if CheckVersion(a) != nil || CheckVersion(b) != nil {
			return
		}
		want := CompareVersions(a, b)
		if got := bytes.Compare(AppendVersionKey(nil, a), AppendVersionKey(nil, b)); got != want {
			t.Errorf("keys of %s and %s compare as %d, the versions as %d", a, b, got, want)
		}
	})
}

func TestRequirementMatches(t *testing.T) {
	for _, c := range []struct {
		requirement, version string
		want                 bool
	}{
		{"^0.2", "0.2.3", true}, {"^0.2", "0.3.0", false}, {"^0.2", "0.2.0-rc-2023-11-10", false},
		{"=0.2.0-rc-2023-11-10", "0.2.0-rc-2023-11-10", true}, {"*", "9.9.9", true}, {"*", "9.9.9-a", false}, {">=1, <2", "1.9.0", true},
		{"*", "1", false},
	} {
		r, err := ParseRequirement(c.requirement)
		if err != nil || r.Matches(c.version) != c.want {
			t.Errorf("%s for %s: %v, %v", c.version, c.requirement, r.Matches(c.version), err)
		}
	}
	if _, err := ParseRequirement("^x.y"); err == nil {
		t.Error("^x.y is taken for a requirement")
	}
	if !IsPreRelease("1.0.0-a") || IsPreRelease("1.0.0+a") || IsPreRelease("x-a") {
		t.Error("IsPreRelease is wrong")
	}
}

package ociimage

import (
	"strings"
	"testing"
)

func TestIsTag(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "1.0.0": true, "1.0.0_b": true, "1.0.0+b": false, "_": true, ".a": false, "-a": false, "a/b": false, "a:b": false,
		strings.Repeat("a", maxTag): true, strings.Repeat("a", maxTag+1): false, "\u00e4": false,
	} {
		if got := IsTag(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

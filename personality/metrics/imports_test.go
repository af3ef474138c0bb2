package metrics_test

import (
	"go/build"
	"strings"
	"testing"
)

// Metrics know none of the parts that they measure.
func TestImports(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if strings.HasPrefix(path, "github.com/warg-trillian/") {
			t.Errorf("imports %s", path)
		}
	}
}

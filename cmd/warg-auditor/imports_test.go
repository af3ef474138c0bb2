package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The auditor shares no code with the server that it audits, but for what anybody who
// audits would use.
func TestImportsNothingOfTheServer(t *testing.T) {
	const module = "github.com/warg-trillian/warg-trillian/"
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	must(t, err)
	found := false
	for line := range strings.Lines(string(out)) {
		name, ours := strings.CutPrefix(strings.TrimSpace(line), module)
		found = found || name == "warg/audit"
		if ours && !strings.HasPrefix(name, "warg/") && !strings.HasPrefix(name, "cmd/warg-auditor") && !strings.HasPrefix(name, "cmd/internal/") || strings.HasPrefix(name, "github.com/google/trillian") {
			t.Errorf("it depends on %s", name)
		}
	}
	if !found {
		t.Error("it does not even depend on warg/audit: go list says something else")
	}
}

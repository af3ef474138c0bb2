package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The client has nothing of the server in it, and is light.
func TestImportsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	const module = "github.com/warg-trillian/warg-trillian/"
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	must(t, err)
	found := false
	for line := range strings.Lines(string(out)) {
		path := strings.TrimSpace(line)
		name, ours := strings.CutPrefix(path, module)
		found = found || name == "warg/client"
		heavy := strings.HasPrefix(path, "github.com/google/trillian") || strings.HasPrefix(path, "modernc.org/") || path == "database/sql" ||
			strings.HasPrefix(path, "google.golang.org/grpc") || strings.HasPrefix(path, "github.com/tetratelabs/")
		if heavy || ours && !strings.HasPrefix(name, "warg/") && !strings.HasPrefix(name, "cmd/internal/") && name != "cmd/warg" && !strings.HasPrefix(name, "cmd/warg/") {
			t.Errorf("it depends on %s", path)
		}
	}
	if !found {
		t.Error("it does not even depend on warg/client: go list says something else")
	}
}

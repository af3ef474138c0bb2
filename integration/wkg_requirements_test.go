package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// One requirement gives one answer in wkg, for the dependencies of a package, and in this
// client (see TestRequirements).
func TestWkgResolvesRequirements(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m, builder := newPublisher(t, s).ours(), newWkgOCI(t, s)
	m.run("publish", "start", "example:versions")
	for _, version := range requirementVersions {
		content := builder.wit(fmt.Sprintf("package example:versions@%s;\ninterface of { it: func(); }\n", version))
		m.run("publish", "release", "--name", "example:versions", "--version", version, m.write(version+".wasm", content))
	}
	m.run("publish", "yank", "--name", "example:versions", "--version", "1.4.0", "--yes")
	m.run("publish", "submit")

	w := newWkgOCI(t, s)
	w.write("wit/app.wit", "package example:app;\ninterface nothing { it: func(); }\n")
	for _, r := range requirements {
		if r.text != "" { // the command line says nothing then, and a dependency "*"
			w.resolves("="+r.text, r.want) // as the command lines of both clients read it
		}
	}
	for _, r := range dependencyRequirements {
		w.resolves(r.text, r.want)
	}
}

// resolves demands that a dependency on example:versions is locked to a version, or that
// there is none that the requirement means.
func (w *wkg) resolves(requirement, want string) {
	w.t.Helper()
	lock := filepath.Join(w.home, "wkg.lock")
	if err := os.RemoveAll(lock); err != nil {
		w.t.Fatal(err)
	}
	w.write("wkg.toml", fmt.Sprintf("[overrides]\n\"example:versions\" = { version = %q }\n", requirement))
	said, err := w.try("wit", "fetch")
	if err != nil {
		if want != "" || !strings.Contains(said, "no release matching version requirement") {
			w.t.Errorf("to wkg %q means nothing, want %q: %s", requirement, want, said)
		}
		return
	}
	locked := regexp.MustCompile(`(?m)^version = "(.*)"$`).FindStringSubmatch(string(w.read("wkg.lock")))
	if locked == nil || locked[1] != want {
		w.t.Errorf("to wkg %q means %q, want %q", requirement, locked, want)
	}
}

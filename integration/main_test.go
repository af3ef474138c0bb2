package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// buildFolder is where the commands are built; TestMain makes and removes it.
var buildFolder string

// build builds the commands, once per run of the tests.
var build = sync.OnceValue(func() error {
	build := exec.Command("go", "build", "-o", buildFolder, "../cmd/...")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", build, err, output)
	}
	return nil
})

func TestMain(m *testing.M) {
	var err error
	if buildFolder, err = os.MkdirTemp("", "warg-integration-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(buildFolder)
	os.Exit(status)
}

// command returns the path of one of this project's commands.
func command(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(buildFolder, name)
}

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// What the command is built of is copied to where its image is built.
func TestComposeImageSources(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", "./cmd/warg-personality")
	list.Dir = ".."
	dirs, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docker/personality.Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for dir := range strings.FieldsSeq(string(dirs)) {
		n++
		path, err := filepath.Rel(top, dir)
		if err != nil {
			t.Fatal(err)
		}
		folder, _, _ := strings.Cut(filepath.ToSlash(path), "/")
		if !strings.Contains(string(text), "\nCOPY "+folder+" "+folder+"\n") {
			t.Errorf("docker/personality.Dockerfile does not copy %s, which has %s", folder, path)
		}
	}
	if n < 10 {
		t.Errorf("the command is built of only %d packages", n)
	}
}

// Each folder that a volume is mounted at is in the image, so that a new volume belongs to
// the user of the service.
func TestComposeVolumeOwners(t *testing.T) {
	for _, s := range loadCompose(t).Services {
		if s.Build == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Build.Context, s.Build.Dockerfile))
		if err != nil {
			t.Fatal(err)
		}
		var made []string
		for _, m := range regexp.MustCompile(`(?m)^RUN install -d -o 65532 -g 65532 -m 0750((?:[ \\\n]+/\S+)+)$`).FindAllStringSubmatch(string(text), -1) {
			made = append(made, strings.Fields(strings.ReplaceAll(m[1], "\\\n", " "))...)
		}
		for _, v := range s.Volumes {
			if v.Type == compose.VolumeTypeVolume && !slices.Contains(made, v.Target) {
				t.Errorf("service %s: the image of %s has no folder %s of user 65532, only %q", s.Name, s.Build.Dockerfile, v.Target, made)
			}
		}
	}
}

package integration

import (
	"fmt"
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
	project := loadCompose(t)
	for _, s := range project.Services {
		build := buildOf(project, s)
		if build == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(build.Context, build.Dockerfile))
		if err != nil {
			t.Fatal(err)
		}
		var made []string
		for _, m := range regexp.MustCompile(`(?m)^RUN install -d -o 65532 -g 65532 -m 0750((?:[ \\\n]+/\S+)+)$`).FindAllStringSubmatch(string(text), -1) {
			for folder := range strings.FieldsSeq(strings.ReplaceAll(m[1], "\\\n", " ")) {
				copied, elsewhere := strings.CutPrefix(folder, "/volumes") // of a stage that builds
				if elsewhere && !strings.Contains(string(text), "\nCOPY --from=build --chown=65532:65532 /volumes/var/lib/ /var/lib/\n") {
					t.Errorf("%s does not copy %s", build.Dockerfile, folder)
				}
				made = append(made, copied)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == compose.VolumeTypeVolume && !slices.Contains(made, v.Target) {
				t.Errorf("service %s: the image of %s has no folder %s of user 65532, only %q", s.Name, build.Dockerfile, v.Target, made)
			}
		}
	}
}

// buildOf is how the image of a service is built, by it or by another service; nil if it is
// not built here.
func buildOf(project *compose.Project, s compose.ServiceConfig) *compose.BuildConfig {
	for _, other := range project.Services {
		if other.Image == s.Image && other.Build != nil {
			return other.Build
		}
	}
	return nil
}

// Each image is built once: by the service that has to be there first.
func TestComposeBuildsOnce(t *testing.T) {
	project := loadCompose(t)
	builders := map[string][]string{}
	for _, s := range project.Services {
		if s.Build != nil {
			builders[s.Image] = append(builders[s.Image], s.Name)
		}
	}
	if len(builders) < 4 {
		t.Errorf("only %v are built", builders)
	}
	for image, names := range builders {
		if len(names) != 1 {
			t.Errorf("%s is built by each of %q", image, names)
		}
	}
	for _, s := range project.Services {
		if strings.HasPrefix(s.Image, "warg/") && builders[s.Image] == nil {
			t.Errorf("service %s: nobody builds %s", s.Name, s.Image)
		}
	}
}

// checkLabels checks that an image says what it is.
func checkLabels(t *testing.T, name, stage string) {
	t.Helper()
	for _, label := range []string{"title", "description", "source", "licenses", "version"} {
		if !regexp.MustCompile(`(?m)^(LABEL|     ) org\.opencontainers\.image\.` + label + `="[^"]+"`).MatchString(stage) {
			t.Errorf("a stage of %s that runs has no label for the %s", name, label)
		}
	}
}

// imageVolumes are what the images that this project does not build declare as volumes: what
// a service mounts nothing at gets a volume without a name, which stays behind. `make test-docker`
// compares with the images that it has.
var imageVolumes = map[string][]string{
	"mariadb":         {"/var/lib/mysql"},
	"prom/prometheus": {"/prometheus"},
}

// checkTemporary checks that folders in memory belong to the service's user, as does nothing
// that has no name.
func checkTemporary(t *testing.T, s compose.ServiceConfig) {
	t.Helper()
	uid, gid, _ := userOf(t, s)
	var mounted []string
	for _, mount := range s.Tmpfs {
		target, options, _ := strings.Cut(mount, ":")
		mounted = append(mounted, target)
		owner := fmt.Sprintf("uid=%d,gid=%d", uid, gid)
		if !strings.Contains(options+",", owner+",") || !strings.Contains(options, "mode=0") {
			t.Errorf("the folder in memory %q is not for its user: it needs a mode and %s", mount, owner)
		}
	}
	for _, v := range s.Volumes {
		mounted = append(mounted, v.Target)
	}
	image, _, _ := strings.Cut(s.Image, ":")
	if strings.HasPrefix(image, "warg/trillian-schema") { // which is MariaDB's and more
		image = "mariadb"
	}
	for _, folder := range imageVolumes[image] {
		if !slices.Contains(mounted, folder) {
			t.Errorf("nothing is mounted at %s, where %s declares a volume: it leaves one without a name behind", folder, image)
		}
	}
}

package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// digestOf stands for the digest that an engine has of an image.
func digestOf(image string) string { return protocol.HashOf([]byte(image)).String() }

// The command of docs/operations.md that prints digests names the images that the stack
// pulls, and no other; what it says of those that are built here is what they are built from;
// and the file that pins an image is taken by compose beside docker-compose.yml.
func TestComposeImagesArePinnedAsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	must(t, err)
	_, section, _ := strings.Cut(string(page), "\n## Upgrading\n")
	section, _, _ = strings.Cut(section, "\n## ")
	line := regexp.MustCompile(`(?m)^docker image inspect --format '[^']+' (.+)$`).FindStringSubmatch(section)
	file := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(section)
	if line == nil || file == nil {
		t.Fatal("the section has no command that prints digests, or no file that pins an image")
	}

	var pulled []string
	dockerfiles := map[string]bool{}
	for _, s := range loadCompose(t).Services {
		if s.Build != nil {
			dockerfiles[filepath.Join(s.Build.Context, s.Build.Dockerfile)] = true
		} else if !strings.HasPrefix(s.Image, "warg/") {
			pulled = append(pulled, s.Image)
		}
	}
	slices.Sort(pulled)
	named := strings.Fields(line[1])
	if slices.Sort(named); !slices.Equal(named, slices.Compact(pulled)) {
		t.Errorf("the command asks for %v, the stack pulls %v", named, pulled)
	}
	for name := range dockerfiles {
		text, err := os.ReadFile(name)
		must(t, err)
		for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1) {
			if image := from[1]; image != "scratch" && !strings.Contains(section, "`"+image+"`") && !slices.Contains(named, image) {
				t.Errorf("%s is built from %s, which the section does not name", name, image)
			}
		}
	}

	pinned := filepath.Join(t.TempDir(), "pinned.yml")
	must(t, os.WriteFile(pinned, []byte(strings.ReplaceAll(file[1], "sha256:...", digestOf("mariadb:10.11.19"))), 0o600))
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml", pinned}, cli.WithWorkingDirectory(".."), cli.WithEnvFiles(), cli.WithDotEnv)
	must(t, err)
	project, err := options.LoadProject(t.Context())
	must(t, err)
	if got, want := project.Services["mariadb"].Image, "mariadb:10.11.19@"+digestOf("mariadb:10.11.19"); got != want || project.Services["mariadb"].HealthCheck == nil {
		t.Errorf("with the file, mariadb's image is %q, want %q and the rest as it was", got, want)
	}
	t.Run("command", func(t *testing.T) { printsDigests(t, line[0], strings.Fields(line[1])) })
}

// printsDigests runs the command with the docker client and what answers as an engine does
// that has pulled the images: no registry is asked.
func printsDigests(t *testing.T, command string, images []string) {
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skipf("the docker client is missing (in Debian: docker.io): %v", err)
	}
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	engine := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		_, path, _ := strings.Cut(r.URL.Path, "/images/")
		image, asked := strings.CutSuffix(path, "/json")
		if !asked {
			return // a ping
		}
		name, _, _ := strings.Cut(image, ":")
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"Id": digestOf("id of " + image), "RepoTags": []string{image}, "RepoDigests": []string{name + "@" + digestOf(image)}})
	})}
	go engine.Serve(listener)
	t.Cleanup(func() { engine.Close() })
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	shell.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket, "DOCKER_CONFIG="+t.TempDir(), "DOCKER_CONTEXT=")
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, said)
	}
	want := ""
	for _, image := range images {
		name, _, _ := strings.Cut(image, ":")
		want += fmt.Sprintf("%s@%s\n", name, digestOf(image))
	}
	if string(said) != want {
		t.Errorf("%s prints\n%s\nwant\n%s", command, said, want)
	}
}

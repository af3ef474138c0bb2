package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// dockerStack is the project of docker-compose.yml on a Docker engine, under a name, images,
// ports and a subnet of its own, so that a stack that runs there is not touched.
type dockerStack struct {
	project *compose.Project // with the overrides
	name    string
	dir     string   // of the overrides, and of what the documented commands write
	env     []string // for docker compose, and for documented commands
	left    []string // services whose image cannot be had
	images  []string // made here
}

// newDockerStack prepares the project, and sees to it that all of it is removed at the end.
func newDockerStack(t *testing.T) *dockerStack {
	t.Helper()
	if os.Getenv("WARG_TEST_DOCKER") != "1" {
		t.Skip("needs a Docker engine: run `make test-docker`")
	}
	s := &dockerStack{name: fmt.Sprintf("wargtest%d", os.Getpid()), dir: t.TempDir()}
	s.env = []string{
		"COMPOSE_PROJECT_NAME=" + s.name,
		"WARG_PUBLISH=" + freeAddress(t), "PROMETHEUS_PUBLISH=" + freeAddress(t), "GRAFANA_PUBLISH=" + freeAddress(t),
		fmt.Sprintf("WARG_PROXY_SUBNET=172.30.%d.0/28", 100+os.Getpid()%100),
	}
	plain := loadCompose(t, s.env...)
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	s.findImages(t, plain)
	s.env = append(s.env, "COMPOSE_FILE="+filepath.Join(top, "docker-compose.yml")+":"+s.override(t, "test"))
	s.project = plain
	t.Cleanup(func() { s.remove(t) })
	return s
}

// findImages pulls what is not there. Grafana may be missing, nothing else.
func (s *dockerStack) findImages(t *testing.T, project *compose.Project) {
	t.Helper()
	for _, service := range project.Services {
		if buildOf(project, service) != nil {
			continue
		}
		if exec.Command("docker", "image", "inspect", service.Image).Run() == nil {
			continue
		}
		said, err := exec.Command("docker", "pull", "--quiet", service.Image).CombinedOutput()
		if err == nil {
			continue
		}
		if service.Name != "grafana" {
			t.Fatalf("the image %s cannot be had: %s", service.Image, said)
		}
		t.Logf("%s is left out, as its image %s cannot be had: %s", service.Name, service.Image, said)
		s.left = append(s.left, service.Name)
	}
}

// override writes a file for docker compose that gives the images which are built here tags
// of this test, and leaves out the services that cannot be had.
func (s *dockerStack) override(t *testing.T, version string) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("services:\n")
	project := loadCompose(t, s.env...)
	for _, service := range project.Services {
		if buildOf(project, service) != nil {
			name, _, _ := strings.Cut(service.Image, ":")
			image := name + ":" + s.name
			if name == "warg/personality" {
				image += "-" + version
			}
			fmt.Fprintf(&text, "  %s:\n    image: %s\n    pull_policy: never\n", service.Name, image)
			if !slices.Contains(s.images, image) {
				s.images = append(s.images, image)
			}
		} else if slices.Contains(s.left, service.Name) {
			fmt.Fprintf(&text, "  %s:\n    profiles: [left-out]\n", service.Name)
		}
	}
	path := filepath.Join(s.dir, version+".yml")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// remove takes the stack down, with its volumes and images.
func (s *dockerStack) remove(t *testing.T) {
	t.Helper()
	if t.Failed() {
		said, _ := s.command("docker", "compose", "logs", "--no-color", "--tail", "60").CombinedOutput()
		t.Logf("what the services wrote:\n%s", said)
	}
	s.compose(t, "down", "--volumes", "--remove-orphans", "--timeout", "20")
	for _, image := range s.images {
		if exec.Command("docker", "image", "inspect", image).Run() == nil {
			docker(t, "image", "rm", image)
		}
	}
	for _, kind := range []string{"container", "volume", "network"} {
		if found := docker(t, kind, "ls", "--quiet", "--filter", "label=com.docker.compose.project="+s.name); found != "" {
			t.Errorf("after all is down, there is a %s left: %s", kind, found)
		}
	}
}

// command is a program with the variables of the project.
func (s *dockerStack) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), s.env...)
	return c
}

// compose runs docker compose, which must succeed.
func (s *dockerStack) compose(t *testing.T, args ...string) string {
	t.Helper()
	return mustRun(t, s.command("docker", append([]string{"compose"}, args...)...))
}

// docker runs a command of docker, which must succeed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	return mustRun(t, exec.Command("docker", args...))
}

// mustRun returns what a command wrote on standard output.
func mustRun(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	c.Stderr = &stderr
	said, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", c, err, said, &stderr)
	}
	return strings.TrimSpace(string(said))
}

// services are those that run on, in the engine's order of names.
func (s *dockerStack) services() (names []string) {
	for _, service := range s.project.Services {
		if !isJob(service) && !slices.Contains(s.left, service.Name) {
			names = append(names, service.Name)
		}
	}
	slices.Sort(names)
	return names
}

// dockerContainer is what `docker inspect` says of a container.
type dockerContainer struct {
	ID           string `json:"Id"`
	RestartCount int
	Image        string
	State        struct {
		Pid      int
		Status   string
		ExitCode int
		Health   struct{ Status string }
	}
	Config     struct{ User string }
	HostConfig struct {
		ReadonlyRootfs bool
		Privileged     bool
		CapDrop        []string
		SecurityOpt    []string
	}
	Mounts          []struct{ Type, Name, Destination string }
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
}

// container is a service's, also one that has ended.
func (s *dockerStack) container(t *testing.T, service string) dockerContainer {
	t.Helper()
	var found []dockerContainer
	s.inspect(t, s.compose(t, "ps", "--all", "--quiet", service), &found)
	return found[0]
}

// inspect decodes what the engine says of something.
func (s *dockerStack) inspect(t *testing.T, what string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(docker(t, "inspect", what)), into); err != nil {
		t.Fatal(err)
	}
}

// registry is the registry, by the proxy.
func (s *dockerStack) registry(t *testing.T) *server {
	t.Helper()
	return &server{url: "http://" + s.variable("WARG_PUBLISH")}
}

func (s *dockerStack) variable(name string) string {
	for _, pair := range s.env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

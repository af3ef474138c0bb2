package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	compose "github.com/compose-spec/compose-go/v2/types"
)

// developmentPassword is every password in .env, where it is marked as public.
const developmentPassword = "development-only"

// loadCompose reads docker-compose.yml as `docker compose` does, with .env and
// the variables given, which win.
func loadCompose(t *testing.T, variables ...string) *compose.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"},
		cli.WithWorkingDirectory(".."), cli.WithEnv(variables), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// isJob says whether a service ends by itself.
func isJob(s compose.ServiceConfig) bool { return s.Restart != compose.RestartPolicyUnlessStopped }

func TestComposeServices(t *testing.T) {
	project := loadCompose(t)
	if len(project.Services) < 10 {
		t.Fatalf("there are only the services %v", project.ServiceNames())
	}
	for name, s := range project.Services {
		t.Run(name, func(t *testing.T) {
			checkOrder(t, project, s)
			checkConfined(t, s)
			checkMounts(t, project, s)
			if build := buildOf(project, s); build != nil {
				checkDockerfile(t, build)
			} else {
				checkPinned(t, s.Image)
			}
			checkTemporary(t, s)
			if s.Logging == nil || s.Logging.Options["max-size"] == "" {
				t.Error("its log may fill the disk: it has no max-size")
			}
			for _, p := range s.Ports {
				if p.HostIP != "127.0.0.1" {
					t.Errorf("by default, port %d is open to %q, not to this machine alone", p.Target, p.HostIP)
				}
			}
		})
	}
}

// checkOrder checks that what a service waits for says when it is there.
func checkOrder(t *testing.T, project *compose.Project, s compose.ServiceConfig) {
	t.Helper()
	if isJob(s) {
		if !strings.HasPrefix(s.Restart, compose.RestartPolicyOnFailure) || s.HealthCheck != nil {
			t.Errorf("it has restart %q and health check %v; a job ends", s.Restart, s.HealthCheck)
		}
		awaited := slices.ContainsFunc(slices.Collect(maps.Values(project.Services)), func(other compose.ServiceConfig) bool {
			return other.DependsOn[s.Name].Condition == compose.ServiceConditionCompletedSuccessfully
		})
		if !awaited {
			t.Error("no service waits for it")
		}
	} else if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Test[0] == "NONE" {
		t.Error("it has no health check")
	}
	for name, on := range s.DependsOn {
		want := compose.ServiceConditionHealthy
		if isJob(project.Services[name]) {
			want = compose.ServiceConditionCompletedSuccessfully
		}
		if on.Condition != want || !on.Required {
			t.Errorf("it depends on %s with %+v, want %s", name, on, want)
		}
	}
}

// checkConfined checks that a service can do no more than it has to.
func checkConfined(t *testing.T, s compose.ServiceConfig) {
	t.Helper()
	if !s.ReadOnly {
		t.Error("its root file system can be written to")
	}
	if !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Privileged {
		t.Errorf("it keeps capabilities: cap_drop is %v", s.CapDrop)
	}
	if want := map[string][]string{"proxy": {"NET_BIND_SERVICE"}}[s.Name]; !slices.Equal(s.CapAdd, want) {
		t.Errorf("it adds capabilities %v, want %v", s.CapAdd, want)
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges=true") {
		t.Errorf("it may gain privileges: security_opt is %v", s.SecurityOpt)
	}
	if uid, _, _ := userOf(t, s); uid == 0 {
		t.Errorf("it runs as root")
	}
	if s.NetworkMode == "host" || s.Pid != "" || s.Ipc != "" {
		t.Error("it shares the machine's network, processes or memory")
	}
}

// userOf is the user and group that a service runs as.
func userOf(t *testing.T, s compose.ServiceConfig) (uid, gid uint32, text string) {
	t.Helper()
	if _, err := fmt.Sscanf(s.User, "%d:%d", &uid, &gid); err != nil {
		t.Fatalf("service %s has user %q, want numbers UID:GID", s.Name, s.User)
	}
	return uid, gid, s.User
}

func checkMounts(t *testing.T, project *compose.Project, s compose.ServiceConfig) {
	t.Helper()
	for _, v := range s.Volumes {
		switch v.Type {
		case compose.VolumeTypeBind:
			if !v.ReadOnly {
				t.Errorf("it may write to %s", v.Source)
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("mounted at %s: %v", v.Target, err)
			}
		case compose.VolumeTypeVolume:
			if _, ok := project.Volumes[v.Source]; !ok {
				t.Errorf("volume %q is not declared", v.Source)
			}
		default:
			t.Errorf("mount %v is neither a file of the repository nor a named volume", v)
		}
	}
}

// checkPinned checks that an image is of one version.
func checkPinned(t *testing.T, image string) {
	t.Helper()
	if image != "scratch" && !regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+\.\d+(-\w+)?$`).MatchString(image) {
		t.Errorf("image %q is not pinned to a version such as 1.2.3", image)
	}
}

// checkDockerfile checks that the stage which an image is made of is small and
// runs as nobody, and that what is built is static.
func checkDockerfile(t *testing.T, build *compose.BuildConfig) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(build.Context, build.Dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM (\S+)(?: AS (\S+))?$`).FindAllStringSubmatchIndex(string(text), -1)
	if len(stages) < 2 {
		t.Fatalf("%s has %d stages, want one that builds and one that runs", build.Dockerfile, len(stages))
	}
	found := false
	for i, at := range stages {
		end := len(text)
		if i+1 < len(stages) {
			end = stages[i+1][0]
		}
		stage, name := string(text[at[0]:end]), ""
		if at[4] >= 0 {
			name = string(text[at[4]:at[5]])
		}
		checkPinned(t, string(text[at[2]:at[3]]))
		if strings.Contains(stage, "go build") || strings.Contains(stage, "go install") {
			if !strings.Contains(stage, "CGO_ENABLED=0 go ") {
				t.Errorf("stage %q builds with cgo", name)
			}
		}
		if build.Target == name || build.Target == "" && i == len(stages)-1 {
			found = true
			checkLabels(t, build.Dockerfile, stage)
			if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(stage) {
				t.Errorf("the stage of %s that runs has no USER with numbers", build.Dockerfile)
			}
		}
		for _, m := range regexp.MustCompile(`(?m)^COPY ([^-\s]\S*(?: \S+)*) \S+$`).FindAllStringSubmatch(stage, -1) {
			for source := range strings.FieldsSeq(m[1]) {
				if _, err := os.Stat(filepath.Join(build.Context, source)); err != nil {
					t.Errorf("%s copies what is not there: %v", build.Dockerfile, err)
				}
			}
		}
	}
	if !found {
		t.Errorf("%s has no stage %q", build.Dockerfile, build.Target)
	}
}

// The tests run the Trillian that the images are built with, in the same way.
func TestComposeTrillianVersion(t *testing.T) {
	version := matchFile(t, "go.mod", `github.com/google/trillian (v\S+)`)
	for name, pattern := range map[string]string{
		"docker/trillian.Dockerfile":    `ARG TRILLIAN_VERSION=(\S+)`,
		"integration/tools/trillian.sh": `(?m)^version=(\S+)`,
	} {
		if got := matchFile(t, name, pattern); got != version {
			t.Errorf("%s has Trillian %s, go.mod has %s", name, got, version)
		}
	}
	for _, name := range []string{"docker/trillian.Dockerfile", "integration/tools/trillian.sh"} {
		if tag := matchFile(t, name, `go install .*-tags (\S+)`); tag != "batched_queue" {
			t.Errorf("%s builds Trillian with tag %s", name, tag)
		}
	}
}

// matchFile returns the first group of a pattern in a file of the repository.
func matchFile(t *testing.T, name, pattern string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s does not match %s", name, pattern)
	}
	return string(m[1])
}

// All that is secret comes from the environment, and is not mistaken for safe.
func TestComposeSecrets(t *testing.T) {
	var own []string
	for _, name := range []string{"MARIADB_ROOT_PASSWORD", "TRILLIAN_DB_PASSWORD", "WARG_DB_PASSWORD", "GRAFANA_ADMIN_PASSWORD"} {
		own = append(own, name+"=own-"+strconv.Itoa(len(own)))
	}
	count := func(project *compose.Project) int {
		text, err := project.MarshalYAML()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), developmentPassword)
	}
	if n := count(loadCompose(t)); n < 4 {
		t.Errorf("the development password stands in %d places of the default project, want each password", n)
	}
	if n := count(loadCompose(t, own...)); n != 0 {
		t.Errorf("the development password stands in %d places of a project with its own passwords", n)
	}
	without, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithWorkingDirectory(".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := without.LoadProject(t.Context()); err == nil || !strings.Contains(err.Error(), "required variable") {
		t.Errorf("without any variable: %v, want that one is required", err)
	}
}

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// checkImages checks what is in the images that are built, and what others declare as
// volumes: the tests without an engine have that in a table.
func (s *dockerStack) checkImages(t *testing.T) {
	for _, service := range s.project.Services {
		if slices.Contains(s.left, service.Name) {
			continue
		}
		var image []struct {
			Config struct {
				Labels  map[string]string
				Volumes map[string]struct{}
			}
		}
		s.inspect(t, s.container(t, service.Name).Image, &image)
		name, _, _ := strings.Cut(service.Image, ":")
		for folder := range image[0].Config.Volumes {
			if name != "warg/trillian-schema" && !slices.Contains(imageVolumes[name], folder) {
				t.Errorf("the image %s declares a volume at %s, which imageVolumes does not have", service.Image, folder)
			}
		}
		if buildOf(s.project, service) == nil {
			continue
		}
		for _, label := range []string{"title", "description", "source", "licenses", "version"} {
			if image[0].Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("the image of %s has no label for its %s", service.Name, label)
			}
		}
	}
	image := s.container(t, "personality-1").Image
	if said, err := exec.Command("docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", "true").CombinedOutput(); err == nil || !strings.Contains(string(said), "not found") {
		t.Errorf("the personality's image has a shell: %v %s", err, said)
	}
	if said := docker(t, "run", "--rm", "--network", "none", image, "warg-personality", "version"); !strings.HasPrefix(said, "warg-personality ") {
		t.Errorf("the image's program says %q", said)
	}
}

// checkContainers checks on the engine that each service can do no more than the file says.
func (s *dockerStack) checkContainers(t *testing.T) {
	for _, service := range s.project.Services {
		if slices.Contains(s.left, service.Name) {
			continue
		}
		c := s.container(t, service.Name)
		_, _, user := userOf(t, service)
		if c.Config.User != user || !c.HostConfig.ReadonlyRootfs || c.HostConfig.Privileged ||
			!slices.Equal(c.HostConfig.CapDrop, []string{"ALL"}) || !slices.Contains(c.HostConfig.SecurityOpt, "no-new-privileges=true") {
			t.Errorf("service %s: user %s, %+v", service.Name, c.Config.User, c.HostConfig)
		}
		if isJob(service) {
			if c.State.Status != "exited" || c.State.ExitCode != 0 {
				t.Errorf("the job %s is %+v", service.Name, c.State)
			}
			continue
		}
		s.checkProcesses(t, service, c)
		if said, err := exec.Command("docker", "cp", "docker_test.go", c.ID+":/usr/").CombinedOutput(); err == nil || !strings.Contains(string(said), "read-only") {
			t.Errorf("service %s: its root can be written to: %v %s", service.Name, err, said)
		}
		for _, mount := range service.Tmpfs {
			target, _, _ := strings.Cut(mount, ":")
			if got := docker(t, "exec", c.ID, "stat", "-c", "%u:%g", target); got != user {
				t.Errorf("service %s: %s belongs to %s, want %s", service.Name, target, got, user)
			}
		}
	}
	if said := s.compose(t, "logs", "--no-color", "proxy"); strings.Contains(said, "permission denied") || strings.Contains(said, "read-only file system") {
		t.Errorf("the proxy cannot write where it wants to:\n%s", said)
	}
}

// checkProcesses checks whose the processes in a container are.
func (s *dockerStack) checkProcesses(t *testing.T, service compose.ServiceConfig, c dockerContainer) {
	t.Helper()
	uid, gid, _ := userOf(t, service)
	want := fmt.Sprintf("%d %d", uid, gid)
	for i, line := range strings.Split(docker(t, "top", c.ID, "-o", "uid,gid,pid,args"), "\n") {
		fields := strings.Fields(line)
		if i > 0 && strings.Join(fields[:2], " ") != want {
			t.Errorf("service %s: a process is of another user than %s: %s", service.Name, want, line)
		}
	}
}

// checkReach has containers on each network try to connect to what they should reach, and
// to what they should not.
func (s *dockerStack) checkReach(t *testing.T) {
	at := func(service, network string) string {
		ip := s.container(t, service).NetworkSettings.Networks[s.name+"_"+network].IPAddress
		if ip == "" {
			t.Fatalf("%s has no address on %s", service, network)
		}
		return ip
	}
	server, signer := "trillian-log-server", "trillian-log-signer"
	grpc, metrics, database := "8090", "8091", "3306"
	for _, try := range []struct {
		from, to string
		port     string
		reached  bool
	}{
		{"storage", at(server, "storage"), grpc, true}, // or else the others say nothing
		{"storage", at(signer, "storage"), grpc, true},
		{"storage", at("mariadb", "storage"), database, true},
		{"metrics", at(server, "metrics"), metrics, true},
		{"metrics", at(server, "metrics"), grpc, false},
		{"metrics", at(signer, "metrics"), grpc, false},
		{"metrics", at(server, "storage"), grpc, false},
		{"watch", at("personality-1", "watch"), "9090", true},
		{"watch", at(server, "metrics"), grpc, false},
		{"watch", at(server, "storage"), grpc, false},
		{"watch", at(server, "metrics"), metrics, false},
		{"watch", at("mariadb", "storage"), database, false},
		{"front", at("personality-1", "front"), "8090", true},
		{"front", at(server, "storage"), grpc, false},
		{"front", at("mariadb", "storage"), database, false},
		{"front", at("witness", "witness"), "8080", false},
		{"witness", at("witness", "witness"), "8080", true},
		{"witness", at(server, "storage"), grpc, false},
	} {
		to := net.JoinHostPort(try.to, try.port)
		if got, said := s.reaches(t, try.from, to); got != try.reached {
			t.Errorf("from the network %s, %s is reached: %v, want %v: %s", try.from, to, got, try.reached, said)
		}
	}
	for network := range members {
		var found []struct{ Internal bool }
		s.inspect(t, s.name+"_"+network, &found)
		if found[0].Internal == slices.Contains(wayOut, network) {
			t.Errorf("network %s: internal is %v", network, found[0].Internal)
		}
	}
}

// reaches says whether a container on a network can connect to an address. What answers need
// not speak HTTP.
func (s *dockerStack) reaches(t *testing.T, network, address string) (reached bool, said string) {
	t.Helper()
	try := exec.Command("docker", "run", "--rm", "--network", s.name+"_"+network, s.container(t, "personality-1").Image,
		"warg-personality", "health", "--timeout", "3s", "--url", "http://"+address+"/")
	text, err := try.CombinedOutput()
	said = string(text)
	if err == nil {
		return true, said
	}
	for _, words := range []string{"connection refused", "no route to host", "network is unreachable", "has not answered within", "i/o timeout"} {
		if strings.Contains(said, words) {
			return false, said
		}
	}
	if !strings.Contains(said, "malformed HTTP") && !strings.Contains(said, " answers ") && !strings.Contains(said, "EOF") && !strings.Contains(said, "connection reset") {
		t.Fatalf("from %s to %s: %v: %s", network, address, err, said)
	}
	return true, said
}

// checkVolumes checks that each volume is a declared one, and belongs to whom it is for.
func (s *dockerStack) checkVolumes(t *testing.T) {
	helper := s.container(t, "trillian-log-server").Image // has a shell's commands
	owners := map[string]string{}
	for _, service := range s.project.Services {
		if slices.Contains(s.left, service.Name) {
			continue
		}
		for _, m := range s.container(t, service.Name).Mounts {
			if m.Type == compose.VolumeTypeVolume && !strings.HasPrefix(m.Name, s.name+"_") {
				t.Errorf("service %s has a volume without a name at %s", service.Name, m.Destination)
			}
		}
		for _, v := range service.Volumes {
			if v.Type == compose.VolumeTypeVolume {
				uid, gid, _ := userOf(t, service)
				owners[v.Source] = fmt.Sprintf("%d:%d", uid, gid)
			}
		}
	}
	if len(owners) < 8 {
		t.Errorf("there are only the volumes %q", slices.Collect(maps.Keys(owners)))
	}
	for volume, owner := range owners {
		if got := docker(t, "run", "--rm", "--network", "none", "--volume", s.name+"_"+volume+":/volume:ro", helper, "stat", "-c", "%u:%g", "/volume"); got != owner {
			t.Errorf("the volume %s belongs to %s, want %s", volume, got, owner)
		}
	}
	// The key is for its owner alone.
	if got := docker(t, "run", "--rm", "--network", "none", "--volume", s.name+"_key:/volume:ro", helper, "stat", "-c", "%a", "/volume/operator.key"); got != "600" {
		t.Errorf("the operator key has mode %s", got)
	}
}

// checkScraped checks that Prometheus reads all that the file says.
func (s *dockerStack) checkScraped(t *testing.T) {
	var targets struct {
		Data struct {
			ActiveTargets []struct{ ScrapeURL, Health, LastError string }
		}
	}
	within(t, takeover, "all targets are up", func() bool {
		_, body := (&server{url: "http://" + s.variable("PROMETHEUS_PUBLISH")}).ask(t, "GET", "/api/v1/targets", nil)
		if err := json.Unmarshal(body, &targets); err != nil {
			t.Fatal(err)
		}
		up := 0
		for _, target := range targets.Data.ActiveTargets {
			if target.Health == "up" {
				up++
			}
		}
		return up == 6 && len(targets.Data.ActiveTargets) == 6
	})
}

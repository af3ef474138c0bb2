package integration

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// members are those on each network, by what they are. A service that is not here is on no
// network.
var members = map[string][]string{
	"front":   {"personality-1", "personality-2", "proxy"},
	"storage": {"mariadb", "personality-1", "personality-2", "schema", "trillian-log-server", "trillian-log-signer"},
	"witness": {"personality-1", "personality-2", "prometheus", "witness"},
	"metrics": {"prometheus", "trillian-log-server", "trillian-log-signer"},
	"watch":   {"grafana", "personality-1", "personality-2", "prometheus"},
}

// wayOut are the networks with a way out of this machine, and with ports on it.
var wayOut = []string{"front", "watch"}

// Networks say who may talk to whom.
func TestComposeNetworks(t *testing.T) {
	project := loadCompose(t)
	got := map[string][]string{}
	for _, s := range project.Services {
		for name := range s.Networks {
			got[name] = append(got[name], s.Name)
		}
		if len(s.Networks) == 0 && s.NetworkMode != "none" {
			t.Errorf("service %s is on the project's default network", s.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		slices.Sort(got[name])
		if !slices.Equal(got[name], members[name]) {
			t.Errorf("on the network %s are %q, want %q", name, got[name], members[name])
		}
		if internal := bool(project.Networks[name].Internal); internal == slices.Contains(wayOut, name) {
			t.Errorf("network %s: internal is %v", name, internal)
		}
	}
	if len(project.Networks) != len(members) {
		t.Errorf("the networks are %v", project.NetworkNames())
	}
}

// What is not encrypted and asks nobody who he is, the database and Trillian's gRPC, is
// reached by the network storage alone: by those that need it, and with no way out.
func TestComposeStorageIsReachedByFew(t *testing.T) {
	project := loadCompose(t)
	if got := networksOf(project.Services["mariadb"]); !slices.Equal(got, []string{"storage"}) {
		t.Errorf("the database is on the networks %q", got)
	}
	for _, name := range []string{"trillian-log-server", "trillian-log-signer"} {
		s := project.Services[name]
		for _, network := range networksOf(s) {
			if slices.Contains(wayOut, network) {
				t.Errorf("%s is on the network %s, which has a way out", name, network)
			}
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s has ports on this machine", name)
		}
		host, _, err := net.SplitHostPort(flag(s, "--rpc_endpoint"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var at []string // networks in which the server has this name
		for network, config := range s.Networks {
			if config != nil && slices.Contains(config.Aliases, host) {
				at = append(at, network)
			}
		}
		if !slices.Equal(at, []string{"storage"}) {
			t.Errorf("%s listens on %q, which is its address on %q, want on storage alone", name, host, at)
		}
	}
	if got := *project.Services["personality-1"].Environment["WARG_TRILLIAN"]; !strings.HasPrefix(got, "trillian-log-server:") {
		t.Errorf("personalities ask %s", got)
	}
	if shared := slices.DeleteFunc(networksOf(project.Services["personality-1"]), func(n string) bool {
		return !slices.Contains(networksOf(project.Services["trillian-log-server"]), n)
	}); !slices.Equal(shared, []string{"storage"}) {
		t.Errorf("personalities share the networks %q with Trillian, on some of which it does not listen", shared)
	}
}

func networksOf(s compose.ServiceConfig) []string {
	return slices.Sorted(maps.Keys(s.Networks))
}

// flag is the value of a flag in a service's command; empty if it has none.
func flag(s compose.ServiceConfig, name string) string {
	for _, argument := range s.Command {
		if value, ok := strings.CutPrefix(argument, name+"="); ok {
			return value
		}
	}
	return ""
}

package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// At SIGHUP a registry is added, changed and removed, while requests go on; a broken file
// changes nothing, and the log says so; of a mirror it is said that it takes a restart.
func TestRegistriesFileIsReadAgain(t *testing.T) {
	t.Parallel()
	a, b := startUpstream(t, "wasi"), startUpstream(t, "ba")
	b.publishMany(t, "p", 1, 2)
	file := registriesFile(t, a.entry("mode: proxy"))
	write := func(entries ...string) {
		t.Helper()
		must(t, os.WriteFile(file, []byte("registries:\n"+strings.Join(entries, "")), 0o600))
	}
	home := startServer(t, "--registries-file", file)
	answers := func(when string, statuses map[*upstream]int) {
		t.Helper()
		for u, want := range statuses {
			if status, body := askFor(t, home.url, u.domain); status != want {
				t.Errorf("%s, registry %s: status %d, want %d: %s", when, u.domain, status, want, body)
			}
		}
	}
	answers("at the start", map[*upstream]int{a: 200, b: 404})
	write(a.entry("mode: proxy"), b.entry("mode: proxy"))
	home.reload(t)
	answers("with another one", map[*upstream]int{a: 200, b: 200})

	name, err := protocol.ParsePackageName("example:p0")
	must(t, err)
	named := func() int {
		t.Helper()
		body := fmt.Appendf(nil, `{"packages":["%s"]}`, name.LogID())
		status, _, err := request(t.Context(), http.MethodPost, home.url+"/registries/"+b.domain+"/"+api.FetchPackageNamesPath, "application/json", bytes.NewReader(body))
		must(t, err)
		return status
	}
	if status := named(); status != http.StatusOK {
		t.Errorf("a package of the new one has status %d", status)
	}

	write(a.entry("mode: sideways"))
	if line := home.reloadFails(t); !strings.Contains(line, "sideways") || !strings.Contains(line, "--registries-file") {
		t.Errorf("of a broken file the log says %s", line)
	}
	answers("with a broken file", map[*upstream]int{a: 200, b: 200})

	write(b.entry("mode: proxy", "namespaces: [none]"))
	home.reload(t)
	answers("without the first", map[*upstream]int{a: 404, b: 200})
	if status := named(); status != http.StatusNotFound {
		t.Errorf("what the new filter keeps back has status %d", status)
	}

	write(b.entry("mode: mirror"))
	home.reload(t)
	answers("with a mirror for the proxy", map[*upstream]int{b: 200})
	if _, said, err := request(t.Context(), http.MethodGet, home.url+"/readyz", "", nil); err != nil || !strings.Contains(string(said), "by a restart") {
		t.Errorf("/readyz says %s, %v", said, err)
	}
	home.stop(t)
	home.start(t)
	awaitMirror(t, home, b)
}

package integration

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/trillian"
)

// TestAuditorIsWatched has Prometheus read an auditor that follows a registry, as the
// comment in prometheus.yml says: each metric of auditors in the alerts and in the
// dashboard is there with the labels asked for.
func TestAuditorIsWatched(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.publishOne(t, "example:audited")
	s.awaitNotes(t)
	dir := t.TempDir()
	auditor, prometheus := freeAddress(t), freeAddress(t)
	other := trillian.StartProxy(t, strings.TrimPrefix(s.url, "http://")) // another vantage point, which is away at first
	other.Switch(t, trillian.Refuse)
	startProxy(t, exec.Command(command(t, "warg-auditor"), "follow", s.url, "--state", filepath.Join(dir, "state"),
		"--also", "http://"+other.Addr(), "--interval", "200ms", "--metrics-listen", auditor), auditor, new(output))

	text, err := os.ReadFile(prometheusFolder + "/prometheus.yml")
	must(t, err)
	rules, err := filepath.Abs(prometheusFolder + "/alerts.yml")
	must(t, err)
	config := regexp.MustCompile(`(?ms)^  # - job_name: auditor\n(  #   .*?\n)+`).ReplaceAllStringFunc(string(text), func(block string) string {
		return strings.ReplaceAll(block, "  # ", "  ")
	})
	for from, to := range map[string]string{
		"auditor.example.com:9100":   auditor,
		"/etc/prometheus/alerts.yml": rules,
		"scrape_interval: 5s":        "scrape_interval: 500ms",
		"scrape_timeout: 5s":         "scrape_timeout: 500ms",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("prometheus.yml has no %q any more", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	file := filepath.Join(dir, "prometheus.yml")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	if said, err := exec.Command(lookPath(t, "promtool"), "check", "config", file).CombinedOutput(); err != nil {
		t.Fatalf("promtool check config: %v\n%s", err, said)
	}
	startProxy(t, exec.Command(lookPath(t, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+prometheus), prometheus, new(output))

	p := &server{url: "http://" + prometheus}
	within(t, 30*time.Second, "Prometheus is ready", func() bool {
		status, _ := p.ask(t, http.MethodGet, "/-/ready", nil)
		return status == http.StatusOK
	})
	seen := 0
	for where, expr := range expressions(t) {
		for _, selector := range selectors(expr) {
			if !ofAuditor(selector) {
				continue
			}
			seen++
			within(t, 30*time.Second, where+": there is "+selector, func() bool {
				var series struct{ Data []map[string]string }
				p.mustAsk(t, http.MethodGet, "/api/v1/series?match[]="+url.QueryEscape(selector), nil, &series)
				return len(series.Data) > 0
			})
		}
	}
	if seen == 0 {
		t.Error("no alert and no panel is about auditors")
	}
	other.Switch(t, trillian.Forward)
	// What the stat panels show is a number.
	for _, panel := range readDashboard(t).Panels {
		if panel.Type != "stat" || !strings.Contains(panel.Targets[0].Expr, "warg_auditor_") {
			continue
		}
		within(t, 30*time.Second, "the panel "+panel.Title+" shows something", func() bool {
			var answer struct{ Data struct{ Result []any } }
			p.mustAsk(t, http.MethodGet, "/api/v1/query?query="+url.QueryEscape(panel.Targets[0].Expr), nil, &answer)
			return len(answer.Data.Result) == 1
		})
	}
}

// freeAddress is an address of this machine on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

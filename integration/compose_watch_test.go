package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	compose "github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

const (
	prometheusFolder = "../config/stack/prometheus"
	dashboardFile    = "../config/stack/grafana/dashboards/registry.json"
)

// alertRule is an alert of alerts.yml.
type alertRule struct{ Alert, Expr string }

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alertRule } }
	readYAML(t, prometheusFolder+"/alerts.yml", &file)
	var rules []alertRule
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no alerts")
	}
	return rules
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestComposeAlerts has Prometheus' own tool check the files, and that each
// alert fires when it should and not else.
func TestComposeAlerts(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
	} {
		tool := exec.Command(lookPath(t, "promtool"), args...)
		tool.Dir = prometheusFolder
		if said, err := tool.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
	var file struct {
		Tests []struct {
			Cases []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, prometheusFolder+"/alerts_test.yml", &file)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			fires[c.Alertname] = fires[c.Alertname] || len(c.Expected) > 0
			quiet[c.Alertname] = quiet[c.Alertname] || len(c.Expected) == 0
		}
	}
	for _, rule := range alertRules(t) {
		if !fires[rule.Alert] || !quiet[rule.Alert] {
			t.Errorf("alerts_test.yml does not show when %s fires and when not", rule.Alert)
		}
	}
}

// The operations page has a section for each alert, and for no other.
func TestComposeAlertsAreExplained(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, alerts, found := strings.Cut(string(page), "\n## Alerts\n")
	if !found {
		t.Fatal("docs/operations.md has no section Alerts")
	}
	alerts, _, _ = strings.Cut(alerts, "\n## ")
	var explained, rules []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(alerts, -1) {
		explained = append(explained, m[1])
	}
	for _, rule := range alertRules(t) {
		rules = append(rules, rule.Alert)
	}
	if !slices.Equal(explained, rules) {
		t.Errorf("docs/operations.md explains\n%q,\nalerts.yml has\n%q", explained, rules)
	}
}

// dashboard is what is read of Grafana's JSON.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		ID          int
		Type, Title string
		Datasource  struct{ UID string }
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Grafana itself is not run: this checks what it would complain of, or show
// wrong without a complaint.
func TestComposeDashboard(t *testing.T) {
	d := readDashboard(t)
	var sources struct{ Datasources []struct{ UID, URL string } }
	readYAML(t, "../config/stack/grafana/provisioning/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Fatalf("the data sources are %+v", sources.Datasources)
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, "../config/stack/grafana/provisioning/dashboards/registry.yml", &providers)
	mounted := slices.ContainsFunc(loadCompose(t).Services["grafana"].Volumes, func(v compose.ServiceVolumeConfig) bool {
		return strings.HasSuffix(v.Source, "/config/stack/grafana/dashboards") && v.Target == providers.Providers[0].Options.Path
	})
	if !mounted {
		t.Errorf("the dashboards are not mounted at %s", providers.Providers[0].Options.Path)
	}
	if d.UID == "" || d.Title == "" {
		t.Error("the dashboard has no uid or no title")
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel id %d is there twice", p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Fatalf("panel %q lies over %q or outside", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		if p.Type != "row" && (p.Datasource.UID != sources.Datasources[0].UID || len(p.Targets) == 0) {
			t.Errorf("panel %q has data source %q and %d queries", p.Title, p.Datasource.UID, len(p.Targets))
		}
	}
	documented := documentedMetrics(t)
	for where, expr := range expressions(t) {
		for _, s := range selectors(expr) {
			name, _, _ := strings.Cut(s, "{")
			if base := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, ""); strings.HasPrefix(name, "warg_") && !documented[name] && !documented[base] {
				t.Errorf("%s: neither docs/metrics.md nor docs/auditing.md has a metric %s", where, name)
			}
		}
	}
}

func documentedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range []string{"metrics.md", "auditing.md"} {
		page, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
			names[m[1]] = true
		}
	}
	return names
}

// expressions are all of the alerts and of the dashboard, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, rule := range alertRules(t) {
		all["alert "+rule.Alert] = rule.Expr
	}
	for _, p := range readDashboard(t).Panels {
		for i, target := range p.Targets {
			all["panel "+p.Title+" "+string(rune('A'+i))] = target.Expr
		}
	}
	return all
}

// selectors are the metrics in an expression, with their label matchers.
func selectors(expr string) []string {
	expr = regexp.MustCompile(`\b(by|on|without) \([^)]*\)|\b(on)\(\)|\bgroup_(left|right)\(\w*\)|\bunless\b`).ReplaceAllString(expr, "")
	var found []string
	for _, m := range regexp.MustCompile(`[a-z_]\w*(\{[^}]*\}[^,}\[]*\})?(\{[^}]*\})?`).FindAllString(expr, -1) {
		if name, _, _ := strings.Cut(m, "{"); name == "up" || strings.Contains(name, "_") && name != "histogram_quantile" && !strings.HasSuffix(name, "_over_time") {
			found = append(found, m)
		}
	}
	return found
}

// ofAuditor says whether a selector is about an auditor, not about the registry.
func ofAuditor(selector string) bool {
	return strings.HasPrefix(selector, "warg_auditor_") || selector == `up{job="auditor"}`
}

// ofOther says whether a selector is about other registries that this one answers for.
func ofOther(selector string) bool {
	return strings.HasPrefix(selector, "warg_upstream_") || strings.HasPrefix(selector, "warg_mirror_")
}

func TestComposeSelectors(t *testing.T) {
	for expr, want := range map[string][]string{
		`sum(up{job="personality"}) > 0 unless on() warg_queue_records`:     {`up{job="personality"}`, "warg_queue_records"},
		`sum by (route, code) (rate(a_total{r="GET /v1/{log}/r"}[5m])) > 1`: {`a_total{r="GET /v1/{log}/r"}`},
		`max by (instance) (avg_over_time(e_f[5m])) > 0.5`:                  {"e_f"},
		`histogram_quantile(0.99, sum by (le) (rate(b_bucket[5m]))) / c_d`:  {"b_bucket", "c_d"},
	} {
		if got := selectors(expr); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// checkWatched checks on the running stack that Prometheus reads all that the
// file says, that each metric in the alerts and in the dashboard is there with
// the labels asked for, and that no alert fires while all is well.
func checkWatched(t *testing.T, s *stack) {
	prometheus := &server{url: s.url("prometheus", 9090)}
	var targets struct {
		Data struct {
			ActiveTargets []struct{ ScrapeURL, Health, LastError string }
		}
	}
	within(t, 30*time.Second, "all targets are up", func() bool {
		prometheus.mustAsk(t, http.MethodGet, "/api/v1/targets", nil, &targets)
		up := 0
		for _, target := range targets.Data.ActiveTargets {
			if target.Health == "up" {
				up++
			}
		}
		return up == 6 && len(targets.Data.ActiveTargets) == 6
	})
	for where, expr := range expressions(t) {
		var answer struct{ Status string }
		prometheus.mustAsk(t, http.MethodGet, "/api/v1/query?query="+url.QueryEscape(expr), nil, &answer)
		found := selectors(expr)
		if len(found) == 0 {
			t.Errorf("%s: no metric is seen in %s", where, expr)
		}
		for _, selector := range found {
			if ofAuditor(selector) || ofOther(selector) {
				continue // the stack has none; TestAuditorIsWatched and TestOtherRegistriesAreWatched have
			}
			var series struct{ Data []map[string]string }
			prometheus.mustAsk(t, http.MethodGet, "/api/v1/series?match[]="+url.QueryEscape(selector), nil, &series)
			if len(series.Data) == 0 {
				t.Errorf("%s: nothing is measured as %s", where, selector)
			}
		}
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, State, Health, LastError string }
			}
		}
	}
	prometheus.mustAsk(t, http.MethodGet, "/api/v1/rules", nil, &rules)
	n := 0
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			n++
			if r.State == "firing" || r.Health == "err" {
				t.Errorf("alert %s is %s, %s", r.Name, r.State, r.LastError)
			}
		}
	}
	if want := len(alertRules(t)); n != want {
		t.Errorf("Prometheus has %d alerts, want %d", n, want)
	}
}

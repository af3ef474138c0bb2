package metrics_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
)

const page = "../../docs/metrics.md"

// metric is a metric as registered, or as documented.
type metric struct {
	labels []string
	kind   string // type
}

// description is how client_golang prints a [prometheus.Desc]; it gives its
// parts in no other way.
var description = regexp.MustCompile(`fqName: "([^"]*)".*constLabels: \{([^}]*)\}.*variableLabels: \{([^}]*)\}`)

// recorder notes the collectors that pass through it.
type recorder struct {
	prometheus.Registerer
	collectors []prometheus.Collector
}

func (r *recorder) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return r.Registerer.Register(c)
}

func (r *recorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// still is a registry where nothing happens.
type still struct{ stats metrics.Stats }

func (s still) Stats(context.Context) (metrics.Stats, error) { return s.stats, nil }
func (s still) Troubles() (fault, failure error)             { return nil, nil }

// registered returns the metrics of a registry, and beside them the names of
// those of the process.
func registered(t *testing.T) (map[string]metric, []string) {
	t.Helper()
	all := metrics.NewRegistry()
	r := &recorder{Registerer: all}
	m := metrics.New(r, httpapi.Reasons())
	// Metrics with labels are gathered once they have values.
	m.Answered("GET /route", 200, time.Second)
	m.Refused("invalid")
	m.Fetched("taken", 1)
	m.Noted("records", 1)
	m.Cosigned("records", 1, time.Now())
	m.Submitted("records", "witness", "cosigned", time.Second)
	m.Alarm("records", "witness", false)
	m.UpstreamAsked("other.example", "answered")
	m.UpstreamCaught("other.example", "consistency")
	m.Mirrored("other.example", 1, 2)
	source := still{}
	source.stats.CheckpointLength = 1
	metrics.Watch(r, source, time.Now)
	metrics.WatchCache(r, func() metrics.CacheStats { return metrics.CacheStats{} })
	metrics.WatchDiscovery(r, func() metrics.DiscoveryStats { return metrics.DiscoveryStats{} })
	metrics.WatchParts(r, func(context.Context) map[string]bool { return map[string]bool{"database": true} })

	found := map[string]metric{}
	for _, c := range r.collectors {
		descriptions := make(chan *prometheus.Desc, 100)
		c.Describe(descriptions)
		close(descriptions)
		for d := range descriptions {
			parts := description.FindStringSubmatch(d.String())
			if parts == nil {
				t.Fatalf("cannot read %s", d)
			}
			labels := slices.DeleteFunc(strings.Split(parts[3], ","), func(s string) bool { return s == "" })
			slices.Sort(labels)
			found[parts[1]] = metric{labels: labels}
		}
	}
	families, err := all.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	for _, f := range families {
		m, ok := found[f.GetName()]
		if !ok {
			others = append(others, f.GetName())
			continue
		}
		m.kind = strings.ToLower(f.GetType().String())
		found[f.GetName()] = m
	}
	return found, others
}

var (
	row   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\| (.*?) ?\\| (.+) \\|$")
	quote = regexp.MustCompile("`([a-z]+)`")
)

func documented(t *testing.T) (map[string]metric, string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]metric{}
	for _, parts := range row.FindAllStringSubmatch(string(text), -1) {
		m := metric{kind: parts[2]}
		for _, label := range quote.FindAllStringSubmatch(parts[3], -1) {
			m.labels = append(m.labels, label[1])
		}
		slices.Sort(m.labels)
		if _, twice := found[parts[1]]; twice {
			t.Errorf("%s is documented twice", parts[1])
		}
		found[parts[1]] = m
	}
	return found, string(text)
}

// The page has each metric, with its type and labels, and no other.
func TestEveryMetricIsDocumented(t *testing.T) {
	have, others := registered(t)
	pageHas, _ := documented(t)
	for name, m := range have {
		got, ok := pageHas[name]
		switch {
		case !ok:
			t.Errorf("%s is not on the page", name)
		case got.kind != m.kind || !slices.Equal(got.labels, m.labels):
			t.Errorf("%s is a %s with the labels %v; the page says: a %s with %v", name, m.kind, m.labels, got.kind, got.labels)
		}
		delete(pageHas, name)
	}
	for _, name := range others {
		if _, ok := pageHas[name]; ok {
			delete(pageHas, name)
		} else if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is not on the page", name)
		}
	}
	delete(pageHas, "promhttp_metric_handler_errors_total") // registered by the handler
	for name := range pageHas {
		t.Errorf("the page has %s, which does not exist", name)
	}
	if len(have) < 15 {
		t.Errorf("found only %d metrics", len(have))
	}
}

// The page has each reason for which requests are refused, and no other.
func TestEveryReasonIsDocumented(t *testing.T) {
	_, text := documented(t)
	_, table, ok := strings.Cut(text, "| `reason` | the request |\n|---|---|\n")
	if !ok {
		t.Fatal("the page has no table of reasons")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var got []string
	for _, line := range strings.Split(table, "\n") {
		got = append(got, strings.Split(line, "`")[1])
	}
	want := httpapi.Reasons()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the page has the reasons\n%v, want\n%v", got, want)
	}
}

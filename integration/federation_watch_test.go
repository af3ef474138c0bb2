package integration

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// TestOtherRegistriesAreWatched has a registry mirror one that lies for a while, and ask
// another one that goes away: each metric of other registries in the alerts and in the
// dashboard is there with the labels asked for.
func TestOtherRegistriesAreWatched(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	lies := &upstream{server: &server{url: l.Liar.URL}, domain: strings.TrimPrefix(l.Liar.URL, "http://"), key: l.keys.Operator}
	away := startUpstream(t, "wasi")
	home := startServer(t, "--metrics-listen", "127.0.0.1:0",
		"--registries-file", registriesFile(t, lies.entry("mode: mirror", "interval: 1s"), away.entry("mode: proxy")))
	awaitMirror(t, home, lies)
	l.Liar.ChangePath("/v1/fetch/checkpoint", func(body []byte) []byte {
		var c protocol.SignedCheckpoint
		if err := c.UnmarshalJSON(body); err != nil {
			t.Error(err)
		}
		c.Contents.MapRoot[0] ^= 1
		forged, err := c.Contents.Sign(l.keys.Operator).MarshalJSON()
		if err != nil {
			t.Error(err)
		}
		return forged
	})
	askFor(t, home.url, away.domain)
	away.stop(t)

	said := metricsAddress.FindStringSubmatch(home.stderr.String())
	if said == nil {
		t.Fatalf("the server did not say where its metrics are: %s", home.stderr.String())
	}
	metrics := &server{url: "http://" + said[1]}
	seen := 0
	for where, expr := range expressions(t) {
		for _, selector := range selectors(expr) {
			if !ofOther(selector) {
				continue
			}
			seen++
			within(t, 30*time.Second, where+": there is "+selector, func() bool {
				askFor(t, home.url, away.domain)
				_, text := metrics.ask(t, http.MethodGet, "/metrics", nil)
				return slices.ContainsFunc(strings.Split(string(text), "\n"), func(series string) bool { return selects(selector, series) })
			})
		}
	}
	if seen == 0 {
		t.Error("no alert and no panel is about other registries")
	}
}

// selects says whether a series, as a line of /metrics, is of a selector, whose matchers are
// for equality or its contrary.
func selects(selector, series string) bool {
	name, matchers, _ := strings.Cut(selector, "{")
	labels, ok := strings.CutPrefix(series, name+"{")
	if !ok {
		return false
	}
	for _, m := range regexp.MustCompile(`(\w+)(!?=)("[^"]*")`).FindAllStringSubmatch(matchers, -1) {
		if strings.Contains(labels, m[1]+"="+m[3]) != (m[2] == "=") {
			return false
		}
	}
	return true
}

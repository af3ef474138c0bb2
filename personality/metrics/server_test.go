package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/metrics"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// running is a registry that serves its API and its metrics.
type running struct {
	t            *testing.T
	api, metrics *httptest.Server
	run          func() // lets it publish
}

func start(t *testing.T) *running {
	t.Helper()
	key := newKey(t)
	all := metrics.NewRegistry()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	data := t.TempDir()
	server, err := personality.Open(context.Background(), personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{key}, Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Namespaces: admission.Namespaces{Defined: []string{"example"}},
		Content:    content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 1 << 20},
		Admission:  admission.Options{UploadTimeout: time.Hour}, Publisher: publisher.Options{CheckpointInterval: time.Millisecond},
		Logger: log, Metrics: all,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	ran <- nil
	r := &running{t: t, api: httptest.NewServer(server.Handler()), metrics: httptest.NewServer(metrics.Handler(all, false, log))}
	r.run = func() {
		<-ran
		go func() { ran <- server.Run(ctx) }()
	}
	t.Cleanup(func() {
		r.api.Close()
		r.metrics.Close()
		stop()
		if err := errors.Join(<-ran, server.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// scrape returns the samples by their names and labels as exposed.
func (r *running) scrape() map[string]float64 {
	r.t.Helper()
	status, text := r.send("GET", r.metrics.URL+"/metrics", nil)
	if status != 200 {
		r.t.Fatalf("scrape: status %d: %s", status, text)
	}
	samples := map[string]float64{}
	for _, line := range strings.Split(text, "\n") {
		name, value, ok := strings.Cut(line, "} ")
		if name += "}"; !ok {
			name, value, _ = strings.Cut(line, " ")
		}
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			samples[name] = number
		}
	}
	return samples
}

func (r *running) send(method, url string, body []byte) (status int, text string) {
	r.t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if method == "POST" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

// publish posts the first record of a package, with a release.
func (r *running) publish(key protocol.PrivateKey, name string, content []byte) (logID, recordID protocol.Hash) {
	r.t.Helper()
	packageName, err := protocol.ParsePackageName(name)
	if err != nil {
		r.t.Fatal(err)
	}
	record := protocol.PackageRecord{Time: protocol.TimeOf(time.Now()), Entries: []protocol.PackageEntry{
		{Type: protocol.EntryInit, Key: key.Public()},
		{Type: protocol.EntryRelease, Version: "1.0.0", Content: protocol.HashOf(content).Any()},
	}}
	envelope := record.Sign(key)
	logID = packageName.LogID()
	status, text := r.send("POST", r.api.URL+"/"+api.PublishRecordPath(logID), api.PublishRecordRequest{PackageName: packageName, Record: envelope}.AppendJSON(nil))
	if namespace, _, _ := strings.Cut(name, ":"); namespace == "example" && status != 202 {
		r.t.Fatalf("publish %s: %d %s", name, status, text)
	}
	return logID, protocol.PackageRecordID(envelope.Content)
}

func (r *running) expect(when string, want map[string]float64) {
	r.t.Helper()
	got := r.scrape()
	for name, value := range want {
		if have, ok := got[name]; !ok || have != value {
			r.t.Errorf("%s: %s is %v (there: %v), want %v", when, name, have, ok, value)
		}
	}
	for name := range got {
		if strings.Contains(name, "tool") || strings.Contains(name, "sha256") {
			r.t.Errorf("%s names what is kept here", name)
		}
	}
}

// A registry is scraped while it does nothing yet, and after it has published.
func TestScrape(t *testing.T) {
	r := start(t)
	if got := r.scrape(); got["warg_queue_records"] != 1 || got["warg_leader"] != 0 {
		t.Errorf("before it runs, the operator's record waits and nobody leads: %v and %v", got["warg_queue_records"], got["warg_leader"])
	}
	if _, ok := r.scrape()["warg_checkpoint_age_seconds"]; ok {
		t.Error("a checkpoint that does not exist has an age")
	}
	content := []byte("twenty-one bytes long")
	key := newKey(t)
	logID, recordID := r.publish(key, "example:tool", content)
	r.expect("content is missing", map[string]float64{"warg_queue_records": 1, "warg_incomplete_records": 1})
	if status, text := r.send("POST", r.api.URL+"/"+strings.TrimPrefix(api.UploadContentPath(logID, recordID, protocol.HashOf(content)), "/"), content); status != 201 {
		t.Fatalf("upload: %d %s", status, text)
	}
	for _, suffix := range []string{"a", "b", "c"} {
		r.publish(key, "example:tool-"+suffix, content)
	}
	r.publish(key, "other:tool", content)
	r.expect("nothing runs", map[string]float64{"warg_queue_records": 5, "warg_incomplete_records": 0, "warg_checkpoint_length": 0, "warg_published_records_total": 0})

	r.run()
	for deadline := time.Now().Add(20 * time.Second); r.scrape()["warg_checkpoint_length"] < 5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not published")
		}
	}
	if status, text := r.send("GET", r.api.URL+"/content/"+strings.Replace(protocol.HashOf(content).String(), ":", "-", 1), nil); status != 200 || text != string(content) {
		t.Fatalf("download: %d %q", status, text)
	}
	got := r.scrape()
	if age := got["warg_checkpoint_age_seconds"]; age < 0 || age > 30 {
		t.Errorf("the checkpoint's age is %v s", age)
	}
	if got["warg_integration_duration_seconds_count"] < 1 || got["warg_integration_duration_seconds_sum"] <= 0 || got["warg_map_tiles_written_total"] < 1 {
		t.Errorf("integrations: %v, %v s, %v tiles", got["warg_integration_duration_seconds_count"], got["warg_integration_duration_seconds_sum"], got["warg_map_tiles_written_total"])
	}
	r.expect("published", map[string]float64{
		"warg_queue_records": 0, "warg_queue_oldest_age_seconds": 0, "warg_trillian_lag_records": 0, "warg_leader": 1,
		"warg_checkpoint_length": 5, "warg_published_records_total": 5, "warg_signing_stopped": 0, "warg_publishing_stalled": 0,
		"warg_content_received_bytes_total": 21, "warg_content_served_bytes_total": 21,
		`warg_refusals_total{reason="namespace_not_defined"}`: 1, `warg_refusals_total{reason="internal"}`: 0,
		`warg_http_requests_total{code="202",route="POST /v1/package/{log}/record"}`:       4,
		`warg_http_requests_total{code="404",route="POST /v1/package/{log}/record"}`:       1,
		`warg_http_request_duration_seconds_count{route="GET /content/{name}"}`:            1,
		`promhttp_metric_handler_errors_total{cause="gathering"}`:                          0,
		`warg_http_request_duration_seconds_bucket{route="GET /content/{name}",le="+Inf"}`: 1,
		`warg_http_request_duration_seconds_count{route="POST /v1/package/{log}/record"}`:  5,
	})
}

// failing is a registry whose database is away and that signs nothing any more.
type failing struct{}

func (failing) Stats(context.Context) (metrics.Stats, error) {
	return metrics.Stats{}, errors.New("the database is away")
}
func (failing) Troubles() (fault, failure error) { return errors.New("forked"), errors.New("away") }

// Without the database the rest is served, and the failure is counted and logged.
func TestScrapeWithoutDatabase(t *testing.T) {
	all := metrics.NewRegistry()
	metrics.New(all, nil)
	metrics.Watch(all, failing{}, time.Now)
	var log strings.Builder
	r := &running{t: t, metrics: httptest.NewServer(metrics.Handler(all, false, slog.New(slog.NewTextHandler(&log, nil))))}
	defer r.metrics.Close()
	r.scrape()
	got := r.scrape()
	if got["warg_signing_stopped"] != 1 || got["warg_publishing_stalled"] != 1 || got[`promhttp_metric_handler_errors_total{cause="gathering"}`] != 1 {
		t.Errorf("scraped %v, %v, %v", got["warg_signing_stopped"], got["warg_publishing_stalled"], got[`promhttp_metric_handler_errors_total{cause="gathering"}`])
	}
	if _, ok := got["warg_queue_records"]; ok {
		t.Error("a queue that nobody counted has a length")
	}
	if !strings.Contains(log.String(), "the database is away") {
		t.Errorf("logged %q", log.String())
	}
}

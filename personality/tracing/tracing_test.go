package tracing_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/tracing"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// received is a collector: it keeps the spans that are sent to it.
type received struct {
	collector.UnimplementedTraceServiceServer
	mu       sync.Mutex
	spans    []*otlp.Span
	services []string
}

func (c *received) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.ResourceSpans {
		for _, a := range r.Resource.Attributes {
			if a.Key == "service.name" {
				c.services = append(c.services, a.Value.GetStringValue())
			}
		}
		for _, s := range r.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// ServeHTTP is OTLP over HTTP.
func (c *received) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := new(collector.ExportTraceServiceRequest)
	if err = errors.Join(err, proto.Unmarshal(body, request)); err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	c.Export(r.Context(), request)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *received) named(t *testing.T, name string) *otlp.Span {
	t.Helper()
	var found *otlp.Span
	for _, s := range c.spans {
		if s.Name == name && found != nil {
			t.Errorf("two spans are named %s", name)
		}
		if s.Name == name {
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no span is named %s; there are %v", name, c.spans)
	}
	return found
}

func attribute(span *otlp.Span, key string) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// noTracing takes the settings of whoever runs the tests away.
func noTracing(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, value) // restores it
			os.Unsetenv(name)
		}
	}
}

// open runs a registry that traces as the environment says, and returns its
// handler and what ends it.
func open(t *testing.T) (http.Handler, func()) {
	t.Helper()
	traces, err := tracing.FromEnvironment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	server, err := personality.Open(t.Context(), personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{key}, Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Content:   content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 1},
		Admission: admission.Options{UploadTimeout: time.Hour}, Publisher: publisher.Options{CheckpointInterval: time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Tracing: traces,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- server.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); server.Ready(ctx) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(server.Ready(ctx))
		}
	}
	return server.Handler(), func() {
		stop()
		if err := errors.Join(<-ran, server.Close(), traces.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}
}

// A request for a proof is traced down to the call of Trillian that it makes,
// within the trace of the client; the rest of the registry's work is not.
func TestFromRequestToTrillian(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			noTracing(t)
			c := new(received)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listen(t, c, protocol))
			t.Setenv("OTEL_SERVICE_NAME", "registry-under-test")
			handler, end := open(t)
			request := httptest.NewRequest("POST", "/v1/proof/inclusion", strings.NewReader(`{"logLength":1,"leafs":[0]}`))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("X-Request-Id", "id-of-the-request")
			request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK {
				t.Fatalf("status %d: %s", answer.Code, answer.Body)
			}
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz", nil))
			end() // sends what is left

			served, call := c.named(t, "POST /v1/proof/inclusion"), c.named(t, "trillian.TrillianLog/GetInclusionProof")
			if string(call.ParentSpanId) != string(served.SpanId) || string(call.TraceId) != string(served.TraceId) {
				t.Errorf("the call is not part of the request: %v and %v", call, served)
			}
			if got := string(served.TraceId); got != "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c" {
				t.Errorf("the client's trace is not continued: %x", got)
			}
			if got := attribute(served, "request.id"); got != "id-of-the-request" {
				t.Errorf("request.id is %q", got)
			}
			if got := attribute(served, "http.route"); got != "/v1/proof/inclusion" {
				t.Errorf("http.route is %q", got)
			}
			if len(c.spans) != 2 || c.services[0] != "registry-under-test" {
				t.Errorf("%d spans of %v: %v", len(c.spans), c.services, c.spans)
			}
		})
	}
}

// listen starts the collector and returns its endpoint.
func listen(t *testing.T, c *received, protocol string) string {
	t.Helper()
	if protocol != "grpc" {
		server := httptest.NewServer(c)
		t.Cleanup(server.Close)
		return server.URL
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

// Without an endpoint there is no tracing, and nothing stands in the way of
// requests.
func TestOff(t *testing.T) {
	for _, setting := range []string{"", "OTEL_TRACES_EXPORTER=none", "OTEL_SDK_DISABLED=true"} {
		noTracing(t)
		if name, value, ok := strings.Cut(setting, "="); ok {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(name, value)
		}
		traces, err := tracing.FromEnvironment(t.Context())
		if err != nil || traces != nil {
			t.Errorf("%q: %v, %v", setting, traces, err)
		}
		if len(traces.DialOptions()) > 0 || traces.Close(t.Context()) != nil {
			t.Error("no tracing does something")
		}
		if mux := http.NewServeMux(); traces.Handler(mux) != http.Handler(mux) {
			t.Error("no tracing wraps the handler")
		}
	}
}

// A collector that is away delays neither the start, nor requests, nor the end.
func TestCollectorAway(t *testing.T) {
	noTracing(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	traces, err := tracing.FromEnvironment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w := httptest.NewRecorder()
	traces.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if took := time.Since(begin); w.Code != 404 || took > time.Second {
		t.Errorf("status %d after %v", w.Code, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin = time.Now()
	traces.Close(ctx) // the error is one for OpenTelemetry's handler
	if took := time.Since(begin); took > time.Second {
		t.Errorf("closed after %v", took)
	}
}

package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/reader"
)

// slowAddresses is how many addresses on loopback the slow clients have.
const slowAddresses = 64

// patience is how long anything may wait here: far more than it takes, on any machine.
// What is not kept from the slow clients never comes, as nothing else ends these.
const patience = time.Minute

// slowly is a registry over TCP, with the gates and shares of the default limits,
// beset by clients that let it wait.
type slowly struct {
	t      *testing.T
	server *httptest.Server
	memory *limits.Budget
	good   *http.Client // at an address of its own
	end    chan struct{}
	all    sync.WaitGroup
}

// large is an answer of about 4 MiB.
func large() reader.FetchLogsResponse {
	records := make([]reader.PublishedRecord, 40)
	for i := range records {
		records[i] = reader.PublishedRecord{RecordID: recordID, Envelope: envelope}
		records[i].Envelope.Content = make([]byte, 80<<10)
	}
	return reader.FetchLogsResponse{Packages: []reader.PackageRecords{{LogID: logID, Records: records}}}
}

// sized answers a fetch of no packages with little, else with much.
type sized struct{ *fake }

func (s sized) FetchLogs(_ context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	if len(q.Packages) == 0 {
		return reader.FetchLogsResponse{}, nil
	}
	return s.logs, nil
}

func newSlowly(t *testing.T) *slowly {
	t.Helper()
	s := &slowly{t: t, memory: limits.NewBudget(64<<20, patience), end: make(chan struct{})}
	handler := httpapi.New(sized{&fake{logs: large()}}, httpapi.Options{Limits: httpapi.Limits{
		Addresses:  limits.Addresses{CountLoopback: true},
		Publishing: limits.NewGate("records being posted", 256, patience),
		Reading:    limits.NewGate("fetches and proofs", 32, patience),
		Uploading:  limits.NewGate("uploads to check", 64, patience),
		Uploads:    limits.NewSlots("uploads under way", 2048, 64),
		Memory:     s.memory,
	}})
	s.server = httptest.NewServer(limits.WholeBodies(limits.Pace{PerSecond: 4 << 10, Grace: time.Hour}.Handler(handler)))
	s.good = &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: loopback(200)}).DialContext}, Timeout: 2 * patience}
	t.Cleanup(func() {
		close(s.end)
		s.all.Wait()
		s.good.CloseIdleConnections()
		s.server.Close()
	})
	return s
}

func loopback(n int) *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(n))} }

// attack opens connections from many addresses, each of which does something
// until the end of the test, and returns when all of them have begun.
func (s *slowly) attack(connections int, do func(conn *net.TCPConn)) {
	s.t.Helper()
	var begun sync.WaitGroup
	for i := range connections {
		dialer := net.Dialer{LocalAddr: loopback(1 + i%slowAddresses)}
		conn, err := dialer.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			s.t.Fatal(err)
		}
		begun.Add(1)
		s.all.Go(func() {
			do(conn.(*net.TCPConn))
			begun.Done()
			<-s.end
			conn.Close()
		})
	}
	begun.Wait()
}

// honest makes requests one after the other, small and large ones, records and
// uploads: all are to be served. Who needs as much memory at once as an attacker has may be
// told to come again; nobody else.
func (s *slowly) honest(kinds ...string) {
	s.t.Helper()
	all := map[string]struct {
		path, body string
		status     int
	}{
		"fetch":  {"/v1/fetch/logs", `{"logLength":1}`, 200},
		"large":  {"/v1/fetch/logs", fmt.Sprintf(`{"logLength":1,"packages":{"%s":null}}`, logID), 200},
		"body":   {"/v1/fetch/logs", `{"logLength":1}` + strings.Repeat(" ", 1<<20), 200},
		"proof":  {"/v1/proof/consistency", `{"from":1,"to":2}`, 200},
		"post":   {fmt.Sprintf("/v1/package/%s/record", logID), publishBody(), 202},
		"upload": {uploadPath(), strings.Repeat("content", 10_000), 201},
	}
	for range 5 {
		for _, kind := range kinds {
			c := all[kind]
			status, text := s.post(kind, c.path, c.body)
			large := kind == "body" || kind == "large"
			for end := time.Now().Add(patience); large && status == http.StatusServiceUnavailable && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
				status, text = s.post(kind, c.path, c.body)
			}
			if status != c.status {
				s.t.Errorf("%s: status %d: %.200s", kind, status, text)
			}
		}
	}
}

func (s *slowly) post(kind, path, body string) (status int, text []byte) {
	s.t.Helper()
	response, err := s.good.Post(s.server.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatalf("%s: %v", kind, err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		s.t.Fatalf("%s: %v", kind, err)
	}
	return response.StatusCode, text
}

// Clients that ask for large answers and hardly read them.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	s := newSlowly(t)
	body := fmt.Sprintf(`{"logLength":1,"packages":{"%s":null}}`, logID)
	s.attack(3*slowAddresses, func(conn *net.TCPConn) {
		conn.SetReadBuffer(4 << 10)
		fmt.Fprintf(conn, "POST /v1/fetch/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 100)); err != nil && !errors.Is(err, io.EOF) { // its answer has begun, or others were slower
			t.Logf("a slow reader: %v", err)
		}
	})
	s.honest("fetch", "large", "proof", "post", "upload", "body")
}

// Clients whose JSON bodies never end.
func TestTricklingBodies(t *testing.T) {
	t.Parallel()
	s := newSlowly(t)
	s.attack(3*slowAddresses, func(conn *net.TCPConn) {
		fmt.Fprintf(conn, "POST /v1/fetch/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n%s", strings.Repeat(" ", 1<<20))
	})
	s.honest("fetch", "large", "proof", "post", "upload", "body")
}

// Clients whose uploads go on for hours.
func TestSlowUploads(t *testing.T) {
	t.Parallel()
	s := newSlowly(t)
	s.attack(3*slowAddresses, func(conn *net.TCPConn) {
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n%s", uploadPath(), strings.Repeat("x", 4300))
	})
	s.honest("fetch", "large", "proof", "post", "upload", "body")
}

// When the slow ones are gone, everything is free again.
func TestMemoryIsGivenBack(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	memory := limits.NewBudget(16<<20, time.Millisecond)
	s.http = httpapi.New(s.fake, httpapi.Options{Limits: httpapi.Limits{Memory: memory}, Logger: slog.New(slog.DiscardHandler)})
	full := func() {
		t.Helper()
		held := memory.Hold(limits.ClientOf(t.Context()))
		if err := held.Grow(t.Context(), 16<<20); err != nil {
			t.Fatalf("something is still held: %v", err)
		}
		equal(t, "a small one while all is held", s.do("POST", "/v1/fetch/logs", `{"logLength":1}`).Code, 200)
		w := s.do("POST", "/v1/fetch/logs", `{"logLength":1}`+strings.Repeat(" ", 1<<17))
		equal(t, "while all is held", w.Code, 503)
		equal(t, "Retry-After", w.Header().Get("Retry-After"), "2")
		held.Release()
	}
	for range 3 {
		full()
		for _, body := range []string{`{"logLength":1}`, `{`, `{}`, `{"logLength":1}` + strings.Repeat(" ", 1<<20)} {
			s.do("POST", "/v1/fetch/logs", body)
		}
		s.fake.err = errors.New("no")
		s.do("POST", "/v1/fetch/logs", `{"logLength":1}`)
		s.fake.err, s.fake.panicWith = nil, "a mistake"
		s.do("POST", "/v1/fetch/logs", `{"logLength":1}`)
		s.fake.panicWith = nil
		r := httptest.NewRequest("POST", "/v1/fetch/logs", io.MultiReader(strings.NewReader("{"), failing{}))
		r.Header.Set("Content-Type", "application/json")
		s.http.ServeHTTP(httptest.NewRecorder(), r)
	}
	full()
	equal(t, "at the end", s.do("POST", "/v1/fetch/logs", `{"logLength":1}`).Code, 200)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the client is gone") }

package witness_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	pusher "github.com/warg-trillian/warg-trillian/personality/witness"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// Over real connections: witnesses that hang, answer without end, or send elsewhere,
// beside one that is honest.
func TestOverHTTP(t *testing.T) {
	s := newSetup(t)
	s.options.Client = &http.Client{}
	ended, elsewhere := make(chan struct{}), make(chan struct{}, 10)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere <- struct{}{} }))
	defer other.Close()
	text := ""
	for name, does := range map[string]func(w http.ResponseWriter, r *http.Request, body string) bool{
		"honest": nil,
		"hanging": func(_ http.ResponseWriter, r *http.Request, _ string) bool {
			select {
			case <-r.Context().Done():
			case <-ended:
			}
			return true
		},
		"endless": func(w http.ResponseWriter, r *http.Request, _ string) bool {
			for page := bytes.Repeat([]byte("x"), 1<<12); ; {
				if _, err := w.Write(page); err != nil {
					return true
				}
			}
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request, _ string) bool {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return true
		},
		"broken": func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n— "))
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
			return true
		},
	} {
		d := s.witness(name)
		d.does(does)
		server := httptest.NewServer(d)
		defer server.Close()
		text += fmt.Sprintf("witness %s %s %s/prefix/\n", name, witnesstest.NewKey(name+".example").VKey, server.URL)
	}
	p, err := witness.ParsePolicy([]byte(text + "quorum honest\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.records.grow(5)
	s.checkpoints.grow(2)
	pushes, stop := s.run(p)
	defer stop()
	defer close(ended)
	want := map[string]pusher.Outcome{"honest": pusher.Cosigned, "endless": pusher.BadAnswer, "elsewhere": pusher.Misconfigured, "broken": pusher.Unavailable, "hanging": ""}
	deadline := time.Now().Add(8 * time.Second) // before those that hang are given up
	for _, log := range tlog.Logs {
		for name, outcome := range want {
			for state(t, pushes, log, name).Outcome != outcome {
				if time.Now().After(deadline) {
					t.Fatalf("%s: %+v; want %q", log, state(t, pushes, log, name), outcome)
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	for s.stored(tlog.Records, p) != "5: honest" || s.stored(tlog.Checkpoints, p) != "2: honest" {
		if time.Now().After(deadline) {
			t.Fatalf("stored %s and %s", s.stored(tlog.Records, p), s.stored(tlog.Checkpoints, p))
		}
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case <-elsewhere:
		t.Error("a redirect is followed")
	default:
	}
}

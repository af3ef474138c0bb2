package outbound

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A host that may be private is reached at its port alone; what it redirects to has to be
// itself, or public.
func TestPrivateHosts(t *testing.T) {
	reached := ""
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached = r.URL.String() }))
	defer other.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		io.WriteString(w, "here")
	}))
	defer own.Close()
	host := strings.TrimPrefix(own.URL, "http://")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: NewTransport(Options{Private: []string{host}}, 80)}
	defer client.CloseIdleConnections()
	for to, want := range map[string]string{
		"":                            "",
		"/elsewhere":                  "",
		own.URL + "/elsewhere":        "",
		other.URL:                     "not an https one",
		"http://localhost:" + port:    "not an https one",
		"https://127.0.0.1:8443/":     "another port",
		"https://127.0.0.1/":          "public address",
		"https://localhost.internal/": "public address",
		"http://user@" + host + "/":   "not an https one",
	} {
		response, err := client.Get(own.URL + "/?to=" + to)
		if err == nil {
			response.Body.Close()
		}
		var refused *Error
		if want == "" && err != nil || want != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Public(), want)) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if reached != "" {
		t.Errorf("%s was reached", reached)
	}
	own.Close()
	client.CloseIdleConnections()
	var down *Error
	if _, err := client.Get(own.URL); !errors.As(err, &down) || down.Public() != "its host cannot be reached" {
		t.Errorf("while it is down: %v", err)
	}
}

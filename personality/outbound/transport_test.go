package outbound

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Requests of any method keep to the rules, also where they are redirected, where a name
// has another address the second time, and where a connection is used again.
func TestTransport(t *testing.T) {
	names := &names{addresses: map[string][]string{
		"start.example.com.":   {"127.0.0.2"},
		"changes.example.com.": {"127.0.0.2", "127.0.0.1"},
		"private.example.com.": {"127.0.0.1"},
	}}
	w := newWorld(t, names, Options{})
	var connections []string
	w.public.HandleFunc("/echo", func(rw http.ResponseWriter, r *http.Request) {
		connections = append(connections, r.RemoteAddr)
		io.Copy(rw, r.Body)
	})
	w.public.HandleFunc("/redirect", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", strings.ReplaceAll(r.URL.Query().Get("to"), "PORT", w.port))
		rw.WriteHeader(http.StatusTemporaryRedirect)
	})
	client := &http.Client{Transport: newTransport(w.client)}
	defer client.CloseIdleConnections()
	post := func(url string) (string, error) {
		response, err := client.Post(strings.ReplaceAll(url, "PORT", w.port), "text/plain", strings.NewReader("asked"))
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return string(text), err
	}
	for range 2 {
		if text, err := post("http://start.example.com:PORT/echo"); err != nil || text != "asked" {
			t.Fatalf("%q, %v", text, err)
		}
	}
	if connections[0] != connections[1] {
		t.Errorf("connections are not used again: %q", connections)
	}
	for _, url := range []string{
		"http://127.0.0.1:PORT/echo", "http://[::1]:PORT/echo", "http://localhost:PORT/echo", "http://private.example.com:PORT/echo",
		"http://start.example.com:PORT/redirect?to=http://127.0.0.1:PORT/echo",
		"http://start.example.com:PORT/redirect?to=http://private.example.com:PORT/echo",
		"http://changes.example.com:PORT/redirect?to=http://changes.example.com:PORT/echo",
	} {
		if strings.Contains(url, "changes") { // or the connection would be used again
			client.Transport.(*transport).base.DisableKeepAlives = true
		}
		_, err := post(url)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Public(), "public address") && !strings.Contains(refused.Public(), "usual form") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := w.reached.Load(); n != 0 {
		t.Errorf("%d connections to what is private", n)
	}
}

// A registry may be at another port that its operator named, and at no other.
func TestTransportPorts(t *testing.T) {
	c := NewTransport(Options{}, 8443).(*transport).client
	for address, want := range map[string]bool{"192.0.1.1:8443": true, "192.0.1.1:443": true, "192.0.1.1:8444": false, "10.0.0.1:8443": false} {
		if err := c.mayDial(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if c.Check("https://a.example.com:8443/") != nil || c.Check("https://a.example.com:8444/") == nil || c.Check("http://a.example.com/") == nil {
		t.Error("a URL is not judged by its port and scheme")
	}
}

package outbound

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// In these tests 127.0.0.2 stands for the public internet, and other loopback addresses
// for what is private, as all are in truth.
var stands = netip.MustParseAddr("127.0.0.2")

// world is a host on the public internet, and one that nothing may reach.
type world struct {
	client  *Client
	public  http.ServeMux
	port    string       // of both
	reached atomic.Int32 // connections to the private one
}

func newWorld(t *testing.T, names *names, o Options) *world {
	w := &world{}
	o.AllowHTTP = true
	o.Resolver = names.resolver(t)
	w.client = New(o)
	w.client.mayPort = func(uint16) bool { return true }
	w.client.mayDial = func(address string) error {
		if a := netip.MustParseAddrPort(address).Addr(); a == stands {
			return nil
		}
		return checkDialled(address, publicPort)
	}
	outside, err := net.Listen("tcp", stands.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	_, w.port, _ = net.SplitHostPort(outside.Addr().String())
	for _, address := range []string{"127.0.0.1:" + w.port, "[::1]:" + w.port} {
		inside, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("nothing listens on %s: %v", address, err)
			continue
		}
		t.Cleanup(func() { inside.Close() })
		go func() {
			for {
				c, err := inside.Accept()
				if err != nil {
					return
				}
				w.reached.Add(1)
				c.Close()
			}
		}()
	}
	server := &httptest.Server{Listener: outside, Config: &http.Server{Handler: &w.public}}
	server.Start()
	t.Cleanup(server.Close)
	return w
}

func (w *world) get(url string) (string, error) {
	body, err := w.client.Get(context.Background(), url)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

// expectPrivate expects that a URL leads nowhere, and that who named it learns nothing.
func (w *world) expectPrivate(t *testing.T, url string) {
	t.Helper()
	text, err := w.get(url)
	var failure *Error
	if !errors.As(err, &failure) || failure.Public() != notPublicText && !strings.Contains(failure.Public(), "full name") {
		t.Errorf("%s: %q, %v", url, text, err)
	}
	if n := w.reached.Load(); n > 0 {
		t.Errorf("%s: the private host was reached", url)
	}
}

// A name that is public when it is first resolved and private the next time, or that is
// both at once, leads nowhere.
func TestNamesThatChange(t *testing.T) {
	names := &names{addresses: map[string][]string{
		"changes.example.com.": {"127.0.0.2", "127.0.0.1"},
		"private.example.com.": {"127.0.0.1"},
		"mapped.example.com.":  {"::ffff:127.0.0.1"},
		"six.example.com.":     {"::1"},
		"meta.example.com.":    {"169.254.169.254"},
	}}
	w := newWorld(t, names, Options{})
	w.public.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "content") })
	url := "http://changes.example.com:" + w.port + "/file"
	if text, err := w.get(url); err != nil || text != "content" {
		t.Fatalf("at its first address: %q, %v", text, err)
	}
	w.expectPrivate(t, url)
	for _, host := range []string{"private", "mapped", "six", "meta", "absent"} {
		w.expectPrivate(t, "http://"+host+".example.com:"+w.port+"/file")
	}
}

// A name that changes between the redirect and what it redirects to.
func TestRedirects(t *testing.T) {
	names := &names{addresses: map[string][]string{
		"start.example.com.":   {"127.0.0.2"},
		"changes.example.com.": {"127.0.0.2", "127.0.0.1"},
		"private.example.com.": {"127.0.0.1"},
	}}
	w := newWorld(t, names, Options{})
	to := func(r *http.Request) string { return strings.ReplaceAll(r.URL.Query().Get("to"), "PORT", w.port) }
	var referers []string
	w.public.HandleFunc("/redirect", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", to(r))
		rw.WriteHeader(http.StatusFound)
	})
	w.public.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		referers = append(referers, r.Header.Get("Referer"))
		io.WriteString(w, "content")
	})
	start := "http://start.example.com:" + w.port + "/redirect?to="
	if text, err := w.get(start + "/file"); err != nil || text != "content" || referers[0] != "" {
		t.Errorf("a redirect: %q, %v, referers %q", text, err, referers)
	}
	for _, target := range []string{
		"http://127.0.0.1:PORT/", "http://[::1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/",
		"http://localhost:PORT/", "http://a.localhost.:PORT/", "http://private.example.com:PORT/", "http://169.254.169.254/", "//127.0.0.1:PORT/",
	} {
		w.expectPrivate(t, start+target)
	}
	again := "http://changes.example.com:" + w.port + "/redirect?to=http://changes.example.com:PORT/file"
	w.expectPrivate(t, again)
	for target, want := range map[string]string{
		"ftp://start.example.com/":                            "not one such as",
		"file:///etc/passwd":                                  "not one such as",
		"http://user@start.example.com/":                      "user name",
		"http://start.example.com:PORT/redirect?to=/redirect": "", // without a Location
	} {
		_, err := w.get(start + target)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a redirect to %s: %v", target, err)
		}
	}
	loops := 0
	w.public.HandleFunc("/loop", func(rw http.ResponseWriter, r *http.Request) {
		loops++
		http.Redirect(rw, r, "/loop", http.StatusFound)
	})
	_, err := w.get("http://start.example.com:" + w.port + "/loop")
	if err == nil || !strings.Contains(err.Error(), "redirects more than 5 times") || loops != 6 {
		t.Errorf("a loop: %v after %d requests", err, loops)
	}
	w.client.options.AllowHTTP = false
	if err := w.client.redirect(httptest.NewRequest("GET", "http://start.example.com/", nil), nil); err == nil {
		t.Error("https may redirect to http")
	}
}

// Proxies that the environment names, and credentials for hosts, are not used.
func TestNothingOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	w := newWorld(t, &names{addresses: map[string][]string{"start.example.com.": {"127.0.0.2"}}}, Options{UserAgent: "test"})
	w.public.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b", Path: "/"})
		fmt.Fprint(w, len(r.Header), r.Header.Get("User-Agent"), r.Header.Get("Accept-Encoding"), r.Header.Get("Connection"))
	})
	for range 2 {
		if text, err := w.get("http://start.example.com:" + w.port + "/file"); err != nil || text != "3testidentityclose" {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// What hosts answer that is not the file.
func TestAnswers(t *testing.T) {
	w := newWorld(t, &names{addresses: map[string][]string{"start.example.com.": {"127.0.0.2"}}}, Options{})
	for path, test := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"part":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); io.WriteString(w, "half") }, "status 206"},
		"none":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "status 204"},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "status 500"},
		"gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, "content")
			z.Close()
		}, "another encoding"},
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		}, "its host failed"},
		"headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("A", strings.Repeat("a", 1<<20)) }, "its host failed"},
	} {
		w.public.HandleFunc("/"+path, test.serve)
		text, err := w.get("http://start.example.com:" + w.port + "/" + path)
		var failure *Error
		if !errors.As(err, &failure) || !strings.Contains(failure.Public(), test.want) {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}

// A host that is silent, one that drips, and one that is left.
func TestSlow(t *testing.T) {
	o := Options{Idle: 300 * time.Millisecond, Grace: 200 * time.Millisecond, MinRate: 1 << 20}
	w := newWorld(t, &names{addresses: map[string][]string{"start.example.com.": {"127.0.0.2"}}}, o)
	w.public.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w.public.HandleFunc("/stops", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	w.public.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	for path, want := range map[string]string{"silent": "sent nothing for too long", "stops": "sent nothing for too long", "drips": "too slowly"} {
		_, err := w.get("http://start.example.com:" + w.port + "/" + path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	w.client.options.MinRate = 0
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	body, err := w.client.Get(ctx, "http://start.example.com:"+w.port+"/drips")
	if err == nil {
		_, err = io.ReadAll(body)
		body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("at its deadline: %v", err)
	}
}

// A host is who it says, and https does not lead to http.
func TestTLS(t *testing.T) {
	outside, err := net.Listen("tcp", stands.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	names := &names{addresses: map[string][]string{"example.com.": {"127.0.0.2"}, "other.org.": {"127.0.0.2"}}}
	w := newWorld(t, names, Options{})
	server := &httptest.Server{Listener: outside, Config: &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(rw, r, "http://example.com:"+w.port+"/", http.StatusFound)
		}
		io.WriteString(rw, "content")
	})}}
	server.StartTLS()
	defer server.Close()
	_, port, _ := net.SplitHostPort(outside.Addr().String())
	if text, err := w.get("https://example.com:" + port + "/"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("nobody vouches for the host: %q, %v", text, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := newWorld(t, names, Options{TLS: &tls.Config{RootCAs: roots}})
	trusting.client.options.AllowHTTP = false
	if text, err := trusting.get("https://example.com:" + port + "/"); err != nil || text != "content" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := trusting.get("https://other.org:" + port + "/"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the certificate is of another host: %q, %v", text, err)
	}
	if text, err := trusting.get("https://example.com:" + port + "/down"); err == nil || !strings.Contains(err.Error(), "not an https one") {
		t.Errorf("a redirect to http: %q, %v", text, err)
	}
}

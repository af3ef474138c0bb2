package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/web"
)

// bearers are the tokens that let read.
type bearers map[string]bool

func (b bearers) Reader(token string) (func(string) string, bool) {
	return func(path string) string { return path + "?signed=for+" + token }, b[token]
}

func privateSite(t *testing.T) (*site, bearers) {
	known := bearers{"secret": true}
	return newSite(t, func(o *web.Options) { o.Access = known }), known
}

// post sends a form as a browser does, from a site.
func (s *site) post(path, from string, https bool, form url.Values) (web.Answer, error) {
	r := httptest.NewRequest(http.MethodPost, "https://registry.example"+path, nil)
	if !https {
		r = httptest.NewRequest(http.MethodPost, "http://registry.example"+path, nil)
	}
	if from != "" {
		r.Header.Set("Origin", from)
	}
	return s.Answer(r, web.Client{URL: "https://registry.example", HTTPS: https, Body: []byte(form.Encode())})
}

const home = "https://registry.example"

// Without a token nothing of a private registry is shown, but for a form that asks for one, and what
// belongs to all pages.
func TestPrivateSite(t *testing.T) {
	s, _ := privateSite(t)
	for _, path := range append(hostilePages, "/checkpoints", "/docs", "/nowhere") {
		for _, cookie := range []string{"", "Cookie: warg-pages=wrong", "Authorization: Bearer secret", "Cookie: other=secret"} {
			_, err := s.try(path, cookie)
			if p, ok := err.(*web.Problem); !ok || p.Status != http.StatusUnauthorized {
				t.Errorf("%s with %q: %v", path, cookie, err)
			}
		}
	}
	s.get("/static/site.css")
	checkPage(t, "/verify", s.get("/verify"))

	r := httptest.NewRequest(http.MethodGet, "/packages/a:b?x=y", nil)
	a := s.Problem(r, web.Client{URL: home}, http.StatusUnauthorized, "It is private.")
	all := checkPage(t, "the page to sign in", a)
	if next := named(all, "input")[0]; next.attrs["value"] != "/packages/a:b?x=y" || a.Status != 401 {
		t.Errorf("status %d, from there to %q", a.Status, next.attrs["value"])
	}
	if strings.Contains(string(a.Body), "image-resizer") || strings.Contains(string(a.Body), `role="search"`) {
		t.Error("the page to sign in shows something of the registry")
	}
}

func TestSignIn(t *testing.T) {
	s, known := privateSite(t)
	a, err := s.post("/sign-in", home, true, url.Values{"token": {" secret\n"}, "next": {"/packages/acme:markdown"}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/packages/acme:markdown" {
		t.Errorf("status %d to %q", a.Status, a.Header.Get("Location"))
	}
	const cookie = "warg-pages=secret; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict"
	if got := a.Header.Get("Set-Cookie"); got != cookie {
		t.Errorf("the cookie is %q", got)
	}

	body := s.get("/packages/acme:image-resizer/2.4.1", "Cookie: warg-pages=secret")
	for _, want := range []string{"sign-out", "?signed=for&#43;secret"} {
		if !strings.Contains(string(body.Body), want) {
			t.Errorf("who has signed in does not see %q", want)
		}
	}
	if got := body.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("a page of a private registry may be kept: %q", got)
	}
	known["secret"] = false // it is withdrawn
	if _, err := s.try("/", "Cookie: warg-pages=secret"); err == nil {
		t.Error("a withdrawn token still shows the registry")
	}

	a, err = s.post("/sign-out", home, true, nil)
	if err != nil || !strings.HasPrefix(a.Header.Get("Set-Cookie"), "warg-pages=; Path=/; Max-Age=0") || a.Status != http.StatusSeeOther {
		t.Errorf("signing out: %d, %q, %v", a.Status, a.Header.Get("Set-Cookie"), err)
	}
}

func TestSignInRefused(t *testing.T) {
	s, _ := privateSite(t)
	good := url.Values{"token": {"secret"}}
	for name, from := range map[string]string{"another site": "https://evil.example", "nowhere": "null"} {
		for _, path := range web.FormPaths() {
			a, err := s.post(path, from, true, good)
			if p, ok := err.(*web.Problem); !ok || p.Status != http.StatusForbidden || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: %v", path, name, err)
			}
		}
	}
	a, err := s.post("/sign-in", home, true, url.Values{"token": {"<b>wrong"}, "next": {"//evil.example"}})
	if err != nil || a.Status != http.StatusForbidden || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong token: %d, %v", a.Status, err)
	}
	checkPage(t, "the page that says so", a)
	if strings.Contains(string(a.Body), "evil.example") || strings.Contains(string(a.Body), "wrong") {
		t.Error("it repeats what it was sent")
	}
	a, err = s.post("/sign-in", home, true, url.Values{"token": {"secret"}, "next": {"https://evil.example/"}})
	if err != nil || a.Header.Get("Location") != "/" {
		t.Errorf("signing in leads to %q, %v", a.Header.Get("Location"), err)
	}
	// Without TLS, a cookie that is marked as secure would be lost.
	a, err = s.post("/sign-in", "http://registry.example", false, good)
	if err != nil || strings.Contains(a.Header.Get("Set-Cookie"), "Secure") || !strings.Contains(a.Header.Get("Set-Cookie"), "HttpOnly") {
		t.Errorf("without TLS: %q, %v", a.Header.Get("Set-Cookie"), err)
	}
	_, err = newSite(t).post("/sign-in", home, true, good)
	if p, ok := err.(*web.Problem); !ok || p.Status != http.StatusNotFound {
		t.Errorf("at a public registry: %v", err)
	}
}

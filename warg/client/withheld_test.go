package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

func TestCheckSource(t *testing.T) {
	for _, good := range []string{"https://example.com/a.wasm", "http://[::1]:8080/a?b=c"} {
		if err := client.CheckSource(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a.wasm", "/a.wasm", "//example.com/a", "ftp://example.com/a", "https:///a", "https://u@example.com/a", "http://%zz"} {
		if client.CheckSource(bad) == nil {
			t.Errorf("%q is taken for a source", bad)
		}
	}
}

// withhold has the operator withhold a content.
func withhold(t *testing.T, r *registry, c *client.Client, content string) {
	t.Helper()
	chain, _, _, err := c.Withheld(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := withheld.Statement{Time: time.Now().UTC().Truncate(time.Second), Action: withheld.Withhold, Digest: protocol.HashOf([]byte(content)), Reason: "a test"}
	signed, err := chain.Next(s).Sign(r.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PostStatement(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
}

func TestWithheldNow(t *testing.T) {
	r, err := openRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	c := r.client(t, client.Options{})
	if all, err := c.WithheldNow(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	withhold(t, r, c, "first")
	all, err := c.WithheldNow(t.Context())
	if err != nil || len(all) != 1 || all[protocol.HashOf([]byte("first"))].Reason != "a test" {
		t.Errorf("%v, %v", all, err)
	}

	// A registry without a list withholds nothing; one with another's does not prove it.
	answer := http.NotFound
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.URL.Path, "/"+withheld.Path) {
			answer(w, q)
			return
		}
		r.handler.ServeHTTP(w, q)
	}))
	t.Cleanup(front.Close)
	behind := newClient(t, front.URL, client.Options{OperatorKey: r.key.Public(), MaxWait: -1})
	if all, err := behind.WithheldNow(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("no list: %v, %v", all, err)
	}
	first := withheld.Statement{Time: time.Unix(1_800_000_000, 0).UTC(), Action: withheld.Withhold, Reason: "a test"}
	for why, s := range map[string]withheld.Statement{"a stranger": first, "another registry": {Origin: protocol.HashOf(nil), Time: first.Time, Action: first.Action, Reason: first.Reason}} {
		key := newKey(t)
		if why == "another registry" {
			key = r.key
		}
		signed, err := s.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		page := withheld.Page{Total: 1, Statements: []withheld.Signed{signed}}.AppendJSON(nil)
		answer = func(w http.ResponseWriter, _ *http.Request) { w.Write(page) }
		_, err = behind.WithheldNow(t.Context())
		if as[*client.VerificationError](t, err).Claim != client.ClaimWithheld {
			t.Errorf("%s: %v", why, err)
		}
	}
}

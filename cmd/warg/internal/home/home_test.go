package home

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The first five are the official client's own cases (warg-client 0.10.0,
// registry_url.rs).
func TestURLsAndLabels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, url, label string }{
		{"bare-host", "https://bare-host/", "bare-host"},
		{"https://warg.io", "https://warg.io/", "warg.io"},
		{"https://warg.io:8443/", "https://warg.io:8443/", "warg.io-8443"},
		{"https://warg.io/with/path", "https://warg.io/with/path/", "warg.io_with_path"},
		{"http://localhost/", "http://localhost/", "localhost"},
		{"http://127.0.0.1:8090", "http://127.0.0.1:8090/", "127.0.0.1-8090"},
		{"http://[::1]:80/x", "http://[::1]/x/", "ipv6_..1_x"},
		{"https://Registry.Example.com:443", "https://registry.example.com/", "registry.example.com"},
		{"https://e.com/a.b_c*%2F", "https://e.com/a.b_c*%2F/", "e.com_a.2Eb.5Fc.2A.2F"},
	} {
		url, err := ParseURL(c.text)
		if err != nil || url != c.url || Label(url) != c.label {
			t.Errorf("%q is %q with label %q, %v; want %q, %q", c.text, url, Label(url), err, c.url, c.label)
		}
	}
	for text, want := range map[string]string{
		"http://warg.io": "without TLS", "http://10.0.0.1": "without TLS", "ftp://localhost": "needs the scheme", "https://": "no host",
		"https://u:p@e.com": "user", "https://e.com/?q": "query", "https://e.com/#f": "query", "https://e.com/%zz": "can not be read",
	} {
		if _, err := ParseURL(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// newHome is a home in a folder of its own, whose configuration file has a text.
func newHome(t *testing.T, config string) *Home {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "warg", "config.json")
	if config != "" {
		if err := WriteFile(path, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := readConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Home{Config: c, userConfig: dir, userCache: filepath.Join(dir, "cache"), userState: filepath.Join(dir, "state")}
}

// What the official client has in the configuration stays there, paths relative to the
// file.
func TestConfig(t *testing.T) {
	t.Parallel()
	h := newHome(t, `{"homeUrl":"https://a.example/","registriesDir":"../r","keys":["default"],"keyringAuth":true,`+
		`"ignoreFederationHints":true,"keyringBackend":"flat-file","later":{"x":1}}`)
	top := filepath.Dir(filepath.Dir(h.Config.Path()))
	if want := filepath.Join(top, "r"); h.Config.RegistriesDir != want || !h.Config.KeyringAuth || h.Config.HomeURL != "https://a.example/" {
		t.Errorf("the configuration is %+v, want registries in %s", h.Config, want)
	}
	h.Config.HomeURL, h.Config.KeyringAuth = "https://b.example/", false
	h.Config.ContentDir = filepath.Join(top, "warg", "content")
	h.Config.AddKey("default")
	h.Config.AddKey("https://b.example/")
	if err := h.Config.Save(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.Config.Path())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"homeUrl": `"https://b.example/"`, "registriesDir": `"../r"`, "contentDir": `"content"`, "keys": `["default","https://b.example/"]`,
		"keyringAuth": "false", "ignoreFederationHints": "true", "keyringBackend": `"flat-file"`, "later": `{"x":1}`, "namespaceMapPath": "null",
	} {
		if have, _ := json.Marshal(got[name]); string(have) != want {
			t.Errorf("%s is %s, want %s", name, have, want)
		}
	}
	if _, there := got["namespaceMapPath"]; there {
		t.Error("a path that is not set is in the file: the official client would take it for one")
	}
	for _, broken := range []string{"{", `{"keys":1}`, `{"registriesDir":1}`} {
		if err := os.WriteFile(h.Config.Path(), []byte(broken), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readConfig(h.Config.Path()); err == nil || !strings.Contains(err.Error(), h.Config.Path()) {
			t.Errorf("%s: error %v", broken, err)
		}
	}
}

func TestFindConfig(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	below := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := findConfig(below, "/u"), filepath.Join("/u", "warg", "config.json"); got != want {
		t.Errorf("without one: %s, want %s", got, want)
	}
	want := filepath.Join(top, "a", configName)
	if err := os.WriteFile(want, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := findConfig(below, "/u"); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// The names of files are those that the official client makes with Rust's url crate.
func TestKeyring(t *testing.T) {
	t.Parallel()
	h := newHome(t, "")
	if _, err := h.Keyring(); err == nil || !strings.Contains(err.Error(), "flat-file") {
		t.Errorf("the system's keyring: error %v", err)
	}
	if !h.UseFlatFile() || h.UseFlatFile() {
		t.Error("a new configuration does not get the flat-file keyring, or gets it twice")
	}
	k, err := h.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.SigningKey("default"); err != ErrNoSecret {
		t.Errorf("a missing key: %v", err)
	}
	for user, file := range map[string]string{
		"default":                   "service=warg-signing-key&user=default",
		"https://e.example/~a*b c/": "service=warg-signing-key&user=https%3A%2F%2Fe.example%2F%7Ea*b+c%2F",
	} {
		if err := k.SetSigningKey(user, "secret of "+user); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(h.userConfig, "warg", "keyring", file)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
		if got, err := k.SigningKey(user); got != "secret of "+user || err != nil || !k.HasSigningKey(user) {
			t.Errorf("%s: read %q, %v", user, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(h.userConfig, "warg", "keyring")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	const url = "http://127.0.0.1:8090/"
	if err := k.SetToken(url, "token"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(h.userConfig, "warg", "keyring", "service=warg-auth-token%3A127.0.0.1-8090&user=127.0.0.1-8090")); string(text) != "token" {
		t.Errorf("the token: %q, %v", text, err)
	}
	if got, err := k.Token(url); got != "token" || err != nil {
		t.Errorf("the token: %q, %v", got, err)
	}
	if err := k.DeleteToken(url); err != nil {
		t.Error(err)
	}
	if err := k.DeleteToken(url); err != ErrNoSecret {
		t.Errorf("deleted twice: %v", err)
	}
	// Keys in the system's keyring stay there.
	if other := newHome(t, `{"keys":["default"]}`); other.UseFlatFile() {
		t.Error("a configuration with keys elsewhere gets the flat-file keyring")
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	h := newHome(t, `{"homeUrl":"https://a.example"}`)
	registry, err := h.Registry("")
	if err != nil || registry != "https://a.example/" {
		t.Fatalf("registry %q, %v", registry, err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public()
	if got, err := h.Trust(registry); err != nil || got.OperatorKey != nil || got.Policy != "" {
		t.Errorf("nothing is set: %+v, %v", got, err)
	}
	if err := h.SetTrust(registry, Trust{OperatorKey: &public, Policy: "policy", MaxAge: Duration(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Trust(registry)
	if err != nil || !got.OperatorKey.Equal(public) || got.MaxAge != Duration(time.Hour) || got.Policy != filepath.Join(filepath.Dir(h.Config.Path()), "policy") {
		t.Errorf("trust is %+v, %v", got, err)
	}
	if got, err := h.Trust("https://b.example/"); err != nil || got.OperatorKey != nil {
		t.Errorf("another registry: %+v, %v", got, err)
	}
	if err := os.WriteFile(h.trustPath(), []byte(`{"registries":{"https://a.example/":{"maxAge":"-1h"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Trust(registry); err == nil || !strings.Contains(err.Error(), h.trustPath()) {
		t.Errorf("a negative age: error %v", err)
	}
	if _, err := (&Home{Config: &Config{}}).Registry(""); err != ErrNoRegistry {
		t.Errorf("without a registry: %v", err)
	}
}

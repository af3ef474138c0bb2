package federation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// goodKey is a public key in text.
func goodKey(t *testing.T) string {
	t.Helper()
	private, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return private.Public().String()
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := goodKey(t)
	file := filepath.Join(dir, "registries.yaml")
	text := fmt.Sprintf(`
domain: Home.example
registries:
  - domain: Other.example
    operator-key: %[1]s
    token-file: %[2]s
    namespaces: [wasi]
    packages: ["ba:tools"]
  - domain: 127.0.0.1:8091
    url: http://127.0.0.1:8091/
    operator-key: %[1]s
    mode: mirror
    content: on-use
    allow-private: true
`, key, token)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, "Registry.example")
	if err != nil {
		t.Fatal(err)
	}
	if c.Domain != "home.example" || len(c.Registries) != 2 {
		t.Fatalf("%+v", c)
	}
	a, b := c.Registries[0], c.Registries[1]
	if a.Domain != "other.example" || a.URL != "https://Other.example" || a.Mode != Proxy || a.OperatorKey.String() != key || a.Token != "s3cret" || a.AllowPrivate {
		t.Errorf("%+v", a)
	}
	if b.URL != "http://127.0.0.1:8091" || b.Mode != Mirror || b.Contents != ContentOnUse || !b.AllowPrivate || !b.Filter.LetsAllThrough() {
		t.Errorf("%+v", b)
	}
	if printed := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(printed, "s3cret") {
		t.Errorf("the token is printed: %s", printed)
	}
	for name, want := range map[string]bool{"wasi:clocks": true, "ba:tools": true, "ba:other": false, "was:i": false} {
		n, err := protocol.ParsePackageName(name)
		if err != nil {
			t.Fatal(err)
		}
		if a.Filter.Allows(n) != want || !b.Filter.Allows(n) {
			t.Errorf("%s: %v, want %v", name, a.Filter.Allows(n), want)
		}
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	good := "operator-key: " + goodKey(t)
	entry := func(members ...string) string { return "registries:\n- " + strings.Join(members, "\n  ") }
	for _, test := range []struct{ text, want string }{
		{"registries: 7", "line 1"},
		{"- domain: a", "line 1: want members"},
		{"registry: []", `line 1: there is no member "registry"; there are domain, registries`},
		{entry("domain: a.example", good, "operatorkey: x"), `line 4: there is no member "operatorkey"`},
		{"registries: []\n---\nregistries: []", "more than one YAML document"},
		{"domain: https://home.example", `domain "https://home.example": it is a URL or path`},
		{entry(good), "line 2, registry \"\": it has no domain"},
		{entry("domain: a.example/x", good), "it is a URL or path"},
		{entry("domain: a.example"), "it has no operator-key"},
		{entry("domain: a.example", "operator-key: ecdsa-p256:AAAA"), "is not a public key of the form"},
		{entry("domain: a.example", good, "mode: cache"), `mode "cache" is neither proxy nor mirror`},
		{entry("domain: a.example", good, "url: a.example"), "its url is not one such as"},
		{entry("domain: a.example", good, "url: https://u:p@a.example"), "its url is not one such as"},
		{entry("domain: a.example", good, "url: http://a.example"), "its url is not an https one"},
		{entry("domain: a.example", good, "content: all"), "content is for a mirror"},
		{entry("domain: a.example", good, "withheld: ignore"), "withheld is for a mirror"},
		{entry("domain: a.example", good, "mode: mirror", "withheld: no"), `withheld "no" is neither honour nor ignore`},
		{entry("domain: a.example", good, "interval: 10s"), "interval is for a mirror"},
		{entry("domain: a.example", good, "mode: mirror", "interval: 10ms"), `interval "10ms" is not a time of 1s or more`},
		{entry("domain: a.example", good, "database-url-file: /nowhere"), "database-url-file is for a mirror"},
		{entry("domain: a.example", good, "mode: mirror", "database-url-file: /nowhere"), "database-url-file: "},
		{entry("domain: a.example", good, "mode: mirror", "content: some"), `content "some" is not all, filter or on-use`},
		{entry("domain: a.example", good, "mode: mirror", "content: filter"), "content: filter needs namespaces or packages"},
		{entry("domain: a.example", good, "namespaces: [A]"), `namespaces: "A" is not a namespace`},
		{entry("domain: a.example", good, "packages: [a]"), `packages: "a" is not the name of a package`},
		{entry("domain: a.example", good, "token-file: /nowhere"), "token-file: "},
		{entry("domain: a.example", good, "private-hosts: [\"b:9000\"]"), "private-hosts are for a registry with `allow-private: true`"},
		{entry("domain: a.example", good, "allow-private: true", "private-hosts: [b]"), `private-hosts: "b" is not a host with its port`},
		{entry("domain: a.example", good, "witness-policy-file: /nowhere"), "witness-policy-file: "},
		{entry("domain: HOME.example", good), "its domain is that of this registry itself already"},
		{"domain: me.example\n" + entry("domain: me.example", good), "its domain is that of this registry itself already"},
		{entry("domain: a.example", good, "") + "\n- domain: A.example\n  " + good, "line 5, registry \"A.example\": its domain is that of the registry in line 2 already"},
	} {
		_, err := parse([]byte(test.text), []string{"home.example"})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\n%v, want %s", test.text, err, test.want)
		}
	}
	if c, err := parse([]byte("# nothing yet\n"), nil); err != nil || len(c.Registries) != 0 {
		t.Errorf("a file without registries: %v %v", c, err)
	}
}

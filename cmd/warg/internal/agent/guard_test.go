package agent

import (
	"net"
	"os"
	"strings"
	"testing"
)

const secret = "0123456789abcdef"

func TestForeignRequestsAreRefused(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	for _, host := range []string{"evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example", "[::2]:80"} {
		a.do(t, "GET", "/v2/", nil, "Host", host).want(t, 403, "loopback")
	}
	for _, host := range []string{"localhost", "LOCALHOST:8091", "127.0.0.1:1", "127.9.9.9", "[::1]:8091", "[::1]"} {
		a.do(t, "GET", "/v2/", nil, "Host", host).want(t, 200, "")
	}
	for _, origin := range []string{"https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "%"} {
		a.do(t, "POST", "/v2/example/foreign/blobs/uploads/", nil, "Origin", origin).want(t, 403, `"DENIED"`)
		a.do(t, "GET", "/.well-known/wasm-pkg/registry.json", nil, "Origin", origin).want(t, 403, "")
	}
	a.do(t, "POST", "/v2/example/foreign/blobs/uploads/", nil, "Origin", a.url).want(t, 202, "")
	a.do(t, "GET", "/.well-known/wasm-pkg/registry.json", nil).want(t, 200, `{"preferredProtocol":"oci"}`)
}

func TestToken(t *testing.T) {
	t.Parallel()
	a := start(t, "", func(o *Options) { o.Token = secret })
	const path = "/v2/example/token/blobs/uploads/"
	for _, headers := range [][]string{
		{}, {"Authorization", "Bearer 0123456789abcde"}, {"Authorization", "Basic " + secret}, {"Authorization", "Bearer "},
		{"Authorization", "Basic bWU6eA=="}, {"Authorization", secret},
	} {
		if got := a.do(t, "POST", path, nil, headers...).want(t, 401, `"UNAUTHORIZED"`); !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("challenged with %q", got.header.Get("WWW-Authenticate"))
		}
	}
	a.do(t, "GET", "/v2/", nil).want(t, 401, "")
	a.do(t, "POST", path, nil, "Authorization", "Bearer "+secret).want(t, 202, "")
	a.do(t, "POST", path, nil, "Authorization", "bearer "+secret).want(t, 202, "")
	a.do(t, "POST", path, nil, "Authorization", "Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg==").want(t, 202, "") // me:<secret>
	if strings.Contains(a.logged.String(), secret) {
		t.Error("the log has the token")
	}
}

// The token may be in the path, and then stays there wherever the agent leads to.
func TestTokenInThePath(t *testing.T) {
	t.Parallel()
	a := start(t, "", func(o *Options) { o.Token = secret })
	const repo = secret + "/example/token-in-path"
	a.publish(t, repo, "1.0.0+b", []byte("content")).want(t, 201, "")
	a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0+b", nil).want(t, 200, "")
	a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0_b", nil).want(t, 200, "")
	a.do(t, "GET", "/v2/"+secret[1:]+"/example/token-in-path/manifests/1.0.0_b", nil).want(t, 401, "")
	a.do(t, "GET", "/v2/example/token-in-path/manifests/1.0.0_b", nil).want(t, 401, "")
}

func TestListen(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80", "[::]:0", "8091"} {
		if listener, err := Listen(address); err == nil {
			listener.Close()
			t.Errorf("listens on %s", address)
		}
	}
	listener, err := Listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		t.Errorf("listens on %s", listener.Addr())
	}
}

// The documentation shows the lines as they are.
func TestConfigurationInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := (Configuration{Address: "127.0.0.1:8091", Namespaces: []string{"example"}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "```toml\n"+b.String()+"```\n") {
		t.Errorf("docs/agent.md does not show\n%s", b.String())
	}
}

func TestConfiguration(t *testing.T) {
	var b strings.Builder
	if err := (Configuration{Address: "127.0.0.1:8091", Namespaces: []string{"example"}, TokenFile: "/it's here"}).Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`"example" = { registry = "127.0.0.1:8091", metadata = { preferredProtocol = "oci", oci = { registry = "127.0.0.1:8091" } } }`,
		`[registry."127.0.0.1:8091".oci]`, `protocol = "http"`,
		`export WKG_REGISTRY_127_0_0_1_8091_AUTH_BEARER="$(cat '/it'\''s here')"`,
	} {
		if !strings.Contains(b.String(), line+"\n") {
			t.Errorf("%s\nlacks %s", b.String(), line)
		}
	}
}

// What was proved of one registry is not handed on as that of another.
func TestAFolderIsForOneRegistry(t *testing.T) {
	t.Parallel()
	a := start(t, "", func(o *Options) { o.Identity = "one" })
	if _, err := New(a.options); err != nil {
		t.Errorf("once more: %v", err)
	}
	other := a.options
	other.Identity = "another"
	if _, err := New(other); err == nil || !strings.Contains(err.Error(), `for the registry "one"`) {
		t.Errorf("another registry: %v", err)
	}
}

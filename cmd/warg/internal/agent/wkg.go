package agent

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// Listen listens on a TCP address, which must be this machine's loopback: whoever can ask
// an agent can publish in the name of its user.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address such as 127.0.0.1:8091: %w", address, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("the agent listens on loopback only, such as 127.0.0.1:8091, not on %q: whoever can ask it publishes in your name", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// What a name stands for is not ours to say.
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		listener.Close()
		return nil, fmt.Errorf("%q is not on loopback, but at %s", address, listener.Addr())
	}
	return listener, nil
}

// Configuration is what wkg has to be told to use an agent.
type Configuration struct {
	Address    string   // where the agent listens, host:port
	Namespaces []string // that it is to be asked about
	TokenFile  string   // "": the agent asks for no token
}

// Write writes the lines of wkg's configuration, and the shell's line for the token if
// there is one.
func (c Configuration) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, "# In wkg's configuration (`wkg config --edit`):")
	fmt.Fprintln(&b, "[namespace_registries]")
	for _, namespace := range c.Namespaces {
		fmt.Fprintf(&b, "%q = { registry = %q, metadata = { preferredProtocol = \"oci\", oci = { registry = %q } } }\n", namespace, c.Address, c.Address)
	}
	fmt.Fprintf(&b, "\n[registry.%q.oci]\nprotocol = \"http\"\n", c.Address)
	if c.TokenFile != "" {
		fmt.Fprintf(&b, "\n# In the shell:\nexport WKG_REGISTRY_%s_AUTH_BEARER=\"$(cat '%s')\"\n", variable(c.Address), strings.ReplaceAll(c.TokenFile, "'", `'\''`))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// variable returns a registry's name as it stands in the names of wkg's variables.
func variable(registry string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return '_'
	}, registry)
}

package federation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Mode is how a registry answers for another one.
type Mode string

// The modes.
const (
	Proxy  Mode = "proxy"  // each answer is asked of the other registry, and verified
	Mirror Mode = "mirror" // answers come from a verified copy
)

// Contents says which content a mirror holds.
type Contents string

// The contents of a mirror.
const (
	AllContent      Contents = "all"    // of all packages
	FilteredContent Contents = "filter" // of the packages that the filter lets through
	ContentOnUse    Contents = "on-use" // what somebody has asked for
)

// Config is what the registries file says.
type Config struct {
	// Domain is what other registries and clients call this registry, if the file says it.
	Domain     string
	Registries []Registry
}

// Registry is another registry that this one answers for.
type Registry struct {
	// Domain is what clients call it, in lower case: a host or host:port.
	Domain string
	// URL is where its API is.
	URL string
	// OperatorKey is the key that its operator log begins with.
	OperatorKey protocol.PublicKey
	// Witnesses is whose cosignatures are demanded; nil: nobody's.
	Witnesses *witness.Policy
	Mode      Mode
	Filter    Filter
	Contents  Contents // of a mirror
	// Interval is how often a mirror asks whether there is something new; 0: as it likes.
	Interval time.Duration
	// IgnoreWithheld has a mirror serve what the registry's operator withholds.
	IgnoreWithheld bool
	// DatabaseURL is the MySQL or MariaDB database of a mirror; empty: SQLite.
	DatabaseURL Token
	// Token is sent to the registry, and to nobody else; empty: none.
	Token Token
	// AllowPrivate lets the host and port of URL be at any address, and be reached without
	// TLS. Where it leads to otherwise has to be public.
	AllowPrivate bool
	// Own lets all be at any address, since it is this registry itself that a standby follows.
	Own bool
	// PrivateHosts are further hosts, each with its port, of which that is true: where the
	// registry keeps its content.
	PrivateHosts []string
}

// Token is a bearer token, or another secret. It does not print.
type Token string

// String implements [fmt.Stringer].
func (t Token) String() string {
	if t == "" {
		return ""
	}
	return "(secret)"
}

// GoString implements [fmt.GoStringer].
func (t Token) GoString() string { return t.String() }

// file is the form of the registries file.
type file struct {
	Domain     string  `yaml:"domain"`
	Registries []entry `yaml:"registries"`
}

type entry struct {
	Domain            string   `yaml:"domain"`
	URL               string   `yaml:"url"`
	OperatorKey       string   `yaml:"operator-key"`
	WitnessPolicyFile string   `yaml:"witness-policy-file"`
	Mode              string   `yaml:"mode"`
	Namespaces        []string `yaml:"namespaces"`
	Packages          []string `yaml:"packages"`
	Content           string   `yaml:"content"`
	Withheld          string   `yaml:"withheld"`
	Interval          string   `yaml:"interval"`
	DatabaseURLFile   string   `yaml:"database-url-file"`
	TokenFile         string   `yaml:"token-file"`
	AllowPrivate      bool     `yaml:"allow-private"`
	PrivateHosts      []string `yaml:"private-hosts"`

	line int // of the file, where the entry begins
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (e *entry) UnmarshalYAML(node *yaml.Node) error {
	if err := checkMembers(node, "domain", "url", "operator-key", "witness-policy-file", "mode", "namespaces", "packages", "content", "withheld", "interval", "database-url-file", "token-file", "allow-private", "private-hosts"); err != nil {
		return err
	}
	type plain entry
	if err := node.Decode((*plain)(e)); err != nil {
		return err
	}
	e.line = node.Line
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (f *file) UnmarshalYAML(node *yaml.Node) error {
	if err := checkMembers(node, "domain", "registries"); err != nil {
		return err
	}
	type plain file
	return node.Decode((*plain)(f))
}

func checkMembers(node *yaml.Node, known ...string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want members such as `%s: ...`", node.Line, known[0])
	}
	for i := 0; i < len(node.Content); i += 2 {
		if key := node.Content[i]; !contains(known, key.Value) {
			return fmt.Errorf("line %d: there is no member %q; there are %s", key.Line, key.Value, strings.Join(known, ", "))
		}
	}
	return nil
}

func contains(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}

// Load reads the registries file, and the files that it names. own are the domains of this
// registry by other settings; no other registry may have one of them. Errors say what is
// wrong, and where in the file.
func Load(path string, own ...string) (Config, error) {
	text, err := files.ReadOnce(path, files.ListSize)
	if err != nil {
		return Config{}, err
	}
	config, err := parse(text, own)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func parse(text []byte, own []string) (Config, error) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, errors.New(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("it holds more than one YAML document")
	}
	c := Config{Domain: strings.ToLower(f.Domain)}
	taken := map[string]string{}
	for _, domain := range own {
		taken[strings.ToLower(domain)] = "this registry itself"
	}
	if f.Domain != "" {
		if err := protocol.CheckRegistryHost(f.Domain); err != nil {
			return Config{}, fmt.Errorf("domain %.80q: %w", f.Domain, err)
		}
		taken[c.Domain] = "this registry itself"
	}
	for _, e := range f.Registries {
		r, err := e.registry()
		if err == nil && taken[r.Domain] != "" {
			err = fmt.Errorf("its domain is that of %s already", taken[r.Domain])
		}
		if err != nil {
			return Config{}, fmt.Errorf("line %d, registry %.80q: %w", e.line, e.Domain, err)
		}
		taken[r.Domain] = fmt.Sprintf("the registry in line %d", e.line)
		c.Registries = append(c.Registries, r)
	}
	return c, nil
}

package federation

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// registry checks an entry of the file, and reads the files that it names.
func (e *entry) registry() (r Registry, err error) {
	if e.Domain == "" {
		return r, errors.New("it has no domain: add `domain: registry.example.com`, what clients call it")
	}
	if err := protocol.CheckRegistryHost(e.Domain); err != nil {
		return r, fmt.Errorf("its domain: %w", err)
	}
	r = Registry{Domain: strings.ToLower(e.Domain), AllowPrivate: e.AllowPrivate, Mode: Mode(cmp.Or(e.Mode, string(Proxy)))}
	if r.Mode != Proxy && r.Mode != Mirror {
		return r, fmt.Errorf("mode %.40q is neither proxy nor mirror", e.Mode)
	}
	if r.URL, err = e.url(); err != nil {
		return r, err
	}
	if r.PrivateHosts, err = e.privateHosts(); err != nil {
		return r, err
	}
	if e.OperatorKey == "" {
		return r, errors.New("it has no operator-key: add the key that its operator log begins with, in the form ecdsa-p256:BASE64; its operator publishes it")
	}
	if r.OperatorKey, err = protocol.ParsePublicKey(e.OperatorKey); err != nil {
		return r, fmt.Errorf("operator-key %.200q is not a public key of the form ecdsa-p256:BASE64: %w", e.OperatorKey, err)
	}
	if r.Filter, err = NewFilter(e.Namespaces, e.Packages); err != nil {
		return r, err
	}
	if r.Contents, err = e.contents(r); err != nil {
		return r, err
	}
	if r.IgnoreWithheld, err = e.ignoreWithheld(r); err != nil {
		return r, err
	}
	if r.Interval, err = e.interval(r); err != nil {
		return r, err
	}
	return r, e.readFiles(&r)
}

// url is where the registry is; without a member, at its domain.
func (e *entry) url() (string, error) {
	text := cmp.Or(e.URL, "https://"+e.Domain)
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "", errors.New("its url is not one such as https://registry.example.com")
	case u.Scheme == "http" && !e.AllowPrivate:
		return "", errors.New("its url is not an https one; http is only for a registry with `allow-private: true`")
	}
	return strings.TrimRight(text, "/"), nil
}

// privateHosts are the hosts beside that of the url which may be at any address.
func (e *entry) privateHosts() ([]string, error) {
	if len(e.PrivateHosts) > 0 && !e.AllowPrivate {
		return nil, errors.New("private-hosts are for a registry with `allow-private: true`")
	}
	for _, host := range e.PrivateHosts {
		name, port, err := net.SplitHostPort(host)
		if n, wrong := strconv.ParseUint(port, 10, 16); err != nil || wrong != nil || n == 0 || name == "" {
			return nil, fmt.Errorf("private-hosts: %.80q is not a host with its port, such as content.internal:9000", host)
		}
	}
	return e.PrivateHosts, nil
}

func (e *entry) contents(r Registry) (Contents, error) {
	if r.Mode == Proxy {
		if e.Content != "" {
			return "", errors.New("content is for a mirror; a proxy holds none")
		}
		return "", nil
	}
	c := Contents(cmp.Or(e.Content, string(AllContent)))
	switch {
	case c != AllContent && c != FilteredContent && c != ContentOnUse:
		return "", fmt.Errorf("content %.40q is not all, filter or on-use", e.Content)
	case c == FilteredContent && r.Filter.LetsAllThrough():
		return "", errors.New("content: filter needs namespaces or packages")
	}
	return c, nil
}

// ignoreWithheld says whether a mirror serves what the registry's operator withholds.
func (e *entry) ignoreWithheld(r Registry) (bool, error) {
	switch {
	case r.Mode == Proxy && e.Withheld != "":
		return false, errors.New("withheld is for a mirror; a proxy has no content that the registry does not give")
	case e.Withheld != "" && e.Withheld != "honour" && e.Withheld != "ignore":
		return false, fmt.Errorf("withheld %.40q is neither honour nor ignore", e.Withheld)
	case r.Mode == Proxy && e.DatabaseURLFile != "":
		return false, errors.New("database-url-file is for a mirror; a proxy has no database")
	}
	return e.Withheld == "ignore", nil
}

// interval is how often a mirror asks.
func (e *entry) interval(r Registry) (time.Duration, error) {
	if e.Interval == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(e.Interval)
	switch {
	case r.Mode == Proxy:
		return 0, errors.New("interval is for a mirror; a proxy asks when it is asked")
	case err != nil || d < time.Second:
		return 0, fmt.Errorf("interval %.40q is not a time of 1s or more, such as 10s", e.Interval)
	}
	return d, nil
}

// readFiles reads the files that an entry names.
func (e *entry) readFiles(r *Registry) error {
	if e.TokenFile != "" {
		text, err := files.ReadOnce(e.TokenFile, files.SecretSize)
		if err != nil {
			return fmt.Errorf("token-file: %w", err)
		}
		r.Token = Token(strings.TrimSpace(string(text)))
		if r.Token == "" || strings.ContainsFunc(string(r.Token), notInToken) {
			return fmt.Errorf("token-file: %s does not hold one bearer token", e.TokenFile)
		}
	}
	if e.DatabaseURLFile != "" {
		text, err := files.ReadOnce(e.DatabaseURLFile, files.SecretSize)
		if err != nil {
			return fmt.Errorf("database-url-file: %w", err)
		}
		if r.DatabaseURL = Token(strings.TrimSpace(string(text))); r.DatabaseURL == "" {
			return fmt.Errorf("database-url-file: %s is empty", e.DatabaseURLFile)
		}
	}
	if e.WitnessPolicyFile != "" {
		text, err := files.ReadOnce(e.WitnessPolicyFile, files.ListSize)
		if err != nil {
			return fmt.Errorf("witness-policy-file: %w", err)
		}
		if r.Witnesses, err = witness.ParsePolicy(text); err != nil {
			return fmt.Errorf("witness-policy-file: %s: %w", e.WitnessPolicyFile, err)
		}
	}
	return nil
}

// notInToken is for what a header can not carry.
func notInToken(r rune) bool { return r <= ' ' || r > '~' }

// Filter says which packages of a registry are served. The zero value lets all through.
type Filter struct {
	namespaces []string
	packages   []protocol.PackageName
}

// NewFilter returns the filter that lets packages of namespaces through, and packages by
// their names; without both, all.
func NewFilter(namespaces, packages []string) (f Filter, err error) {
	for _, n := range namespaces {
		if !protocol.ValidNamespace(n) {
			return f, fmt.Errorf("namespaces: %.80q is not a namespace: words of lower-case letters and digits, each beginning with a letter, joined by single hyphens", n)
		}
		f.namespaces = append(f.namespaces, n)
	}
	for _, text := range packages {
		name, err := protocol.ParsePackageName(text)
		if err != nil {
			return f, fmt.Errorf("packages: %.80q is not the name of a package such as wasi:clocks: %w", text, err)
		}
		f.packages = append(f.packages, name)
	}
	return f, nil
}

// LetsAllThrough reports whether there is nothing that it keeps back.
func (f Filter) LetsAllThrough() bool { return len(f.namespaces) == 0 && len(f.packages) == 0 }

// Allows reports whether a package is served.
func (f Filter) Allows(name protocol.PackageName) bool {
	return f.LetsAllThrough() || slices.Contains(f.namespaces, name.Namespace()) || slices.Contains(f.packages, name)
}

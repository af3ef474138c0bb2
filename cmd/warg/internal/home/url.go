package home

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ParseURL returns the URL of a registry in the form in which both clients know it:
// https unless it says otherwise, and with a slash at the end. Plain HTTP is for this
// machine alone. Source: warg-client 0.10.0, registry_url.rs.
func ParseURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil: // its text may have a password
		return "", errors.New("the registry's URL can not be read; give one such as https://registry.example.com")
	case u.Host == "" || u.Hostname() == "":
		return "", fmt.Errorf("the registry's URL %q has no host; give one such as https://registry.example.com", u.Redacted())
	case u.User != nil:
		return "", errors.New("the registry's URL must not have a user; use `warg login` for a token")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the registry's URL %q must not have a query or fragment", u.Redacted())
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("the registry's URL %q is without TLS, which is for this machine alone; use https", u)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the registry's URL %q needs the scheme https", u)
	}
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.JoinPath("/").String(), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Label returns the text that stands for a registry in the names of files and of keys,
// such as "127.0.0.1-8090" or "example.com_path". Source: RegistryUrl::safe_label of
// warg-client 0.10.0. The URL is one that [ParseURL] has returned.
func Label(registry string) string {
	u, err := url.Parse(registry)
	if err != nil {
		return "unknown" // ParseURL returns none such
	}
	label := u.Hostname()
	if strings.Contains(label, ":") {
		label = "ipv6_" + strings.ReplaceAll(label, ":", ".")
	}
	if port := u.Port(); port != "" {
		label += "-" + port
	}
	if path := strings.Trim(u.EscapedPath(), "/"); path != "" {
		label += "_" + strings.NewReplacer("/", "_", "%", ".", "*", ".2A", ".", ".2E", "_", ".5F").Replace(path)
	}
	return label
}

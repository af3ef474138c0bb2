package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/config"
)

// maxHealthAnswer is how much of an answer is read, in bytes.
const maxHealthAnswer = 16 << 10

type healthCommand struct {
	URL         *string         `name:"url" placeholder:"URL" help:"What to ask (default: /readyz of the server that has the same --listen and --tls-cert-file, on this machine)."`
	Timeout     time.Duration   `default:"4s" placeholder:"DURATION" help:"How long to wait for the answer (default: ${default})."`
	Listen      config.HostPort `env:"WARG_LISTEN" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address that the server listens on (default: ${default})."`
	TLSCertFile string          `env:"WARG_TLS_CERT_FILE" name:"tls-cert-file" placeholder:"FILE" help:"The server's certificate, if it has one: it is asked with TLS then."`
}

// Help is shown by `health --help`.
func (healthCommand) Help() string {
	return "Prints what the server says of itself. The exit status is 0 if it is ready, 1 if it\n" +
		"is not or does not answer, and 2 for a wrong command line. For health checks of\n" +
		"containers, whose image has no other program. --url http://HOST:PORT/healthz asks only\n" +
		"whether the process lives."
}

// Run asks once.
func (c healthCommand) Run(std streams) error {
	target, err := c.target()
	if err != nil {
		return settingError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return settingError{fmt.Errorf("--url: %w", err)}
	}
	response, err := c.client().Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s has not answered within %v; a server that starts takes a while", target, c.Timeout)
	} else if err != nil {
		return fmt.Errorf("%w; does the server run, and listen there?", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthAnswer))
	if err != nil {
		return fmt.Errorf("%s: the answer ends early: %w", target, err)
	}
	said := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", target, response.Status, said)
	}
	_, err = fmt.Fprintln(std.stdout, said)
	return err
}

// target is the URL to ask. A server that listens on all addresses is asked on loopback.
func (c healthCommand) target() (string, error) {
	if c.URL != nil {
		u, err := url.Parse(*c.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", fmt.Errorf("--url: %q is not an http or https URL", *c.URL)
		}
		return *c.URL, nil
	}
	host, port, err := net.SplitHostPort(string(c.Listen))
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	if port == "0" {
		return "", errors.New("--listen: the server takes any free port; say with --url which one")
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.To4() != nil]
	}
	scheme := "http"
	if c.TLSCertFile != "" {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port), Path: "/readyz"}
	return u.String(), nil
}

// client goes to the server itself and through no proxy, and follows nobody elsewhere.
// Without --url it believes any certificate: it has the address of a process beside it,
// whose certificate is for another name, and tells it nothing.
func (c healthCommand) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: c.URL == nil},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

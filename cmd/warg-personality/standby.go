package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// followed is the registry that a standby follows.
type followed struct {
	Of          string `name:"of" required:"" placeholder:"URL" help:"URL of the registry, such as https://registry.example.com, where the standby reaches it."`
	OfTokenFile string `name:"of-token-file" placeholder:"FILE" help:"File with a bearer token that may read, if the registry is private."`
}

// registry is that registry as package federation has it.
func (f *followed) registry() (federation.Registry, error) {
	u, err := url.Parse(f.Of)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return federation.Registry{}, settingError{fmt.Errorf("--of is not the URL of a registry, such as https://registry.example.com")}
	}
	r := federation.Registry{Domain: strings.ToLower(u.Host), URL: strings.TrimRight(f.Of, "/"), Mode: federation.Mirror, Contents: federation.AllContent, Own: true}
	if f.OfTokenFile != "" {
		text, err := files.ReadOnce(f.OfTokenFile, files.SecretSize)
		if err != nil {
			return r, settingError{fmt.Errorf("--of-token-file: %w", err)}
		}
		r.Token = federation.Token(strings.TrimSpace(string(text)))
	}
	return r, nil
}

type standbyCommand struct {
	config.Serve
	followed
	OfKey string `name:"of-key" required:"" placeholder:"KEY" help:"Public key that the registry's operator log begins with, in the form ecdsa-p256:BASE64, as \"key info\" shows it."`
}

// Help is shown by --help.
func (*standbyCommand) Help() string {
	return `Keeps a verified copy of one's own registry, up to a second behind it, in a data
folder that is laid out as the registry's, and serves it to read. It signs nothing and
needs no key. When the registry is lost, "promote" makes the standby the registry.

Give it the settings of the registry's serve, and a data folder, database and content
of its own; --namespace and what is about publishing has no effect before it is promoted.`
}

// Run serves until a signal or a fatal error.
func (c *standbyCommand) Run(std streams) error {
	of, err := c.registry()
	if err != nil {
		return err
	}
	if of.OperatorKey, err = protocol.ParsePublicKey(c.OfKey); err != nil {
		return settingError{fmt.Errorf("--of-key is not a public key of the form ecdsa-p256:BASE64: %w", err)}
	}
	return serveWith(&c.Serve, std, func(ctx context.Context, options personality.Options, _ *slog.Logger) (served, error) {
		standby, err := personality.OpenStandby(ctx, options, of)
		if err != nil {
			return nil, fmt.Errorf("open the standby: %w", err)
		}
		return standby, nil
	})
}

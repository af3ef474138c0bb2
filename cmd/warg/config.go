package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type configCommand struct {
	Path           string   `arg:"" optional:"" type:"path" help:"Configuration file to write; the one in use if it is not given."`
	Registry       string   `placeholder:"URL" help:"Registry to use where none is named."`
	Config         string   `type:"path" placeholder:"FILE" help:"Configuration file to begin with."`
	RegistriesDir  string   `type:"path" placeholder:"FOLDER" help:"Where what is remembered of registries is kept."`
	ContentDir     string   `type:"path" placeholder:"FOLDER" help:"Where content is kept that is downloaded without --output."`
	KeyringBackend string   `placeholder:"NAME" help:"Keyring: flat-file. (Others are the official client's alone.)"`
	NewKey         bool     `help:"Make a signing key as well, if there is none."`
	Overwrite      bool     `help:"Begin with an empty configuration, but for the names of the keys."`
	DisableInit    *bool    `name:"disable-auto-package-init" negatable:"" help:"Do not begin a package by its first release."`
	OperatorKey    string   `placeholder:"KEY" help:"Public key that the registry's operator log must begin with. 'none' takes it back."`
	Policy         string   `placeholder:"FILE" help:"Policy (C2SP tlog-policy) with the witnesses that must have cosigned the registry's log. 'none' takes it back."`
	VKeys          []string `name:"vkey" sep:"none" placeholder:"VKEY" help:"Public key of the registry's records log, for proofs that travel (repeatable)."`
	MaxAge         string   `placeholder:"DURATION" help:"How old a checkpoint may be, such as 24h. 0 takes it back."`
}

// Help is shown by `config --help`.
func (configCommand) Help() string {
	return "The configuration file is the official client's, too. Whom to trust (--operator-key, --policy, --vkey, --max-age) is about " +
		"the registry that is named or configured, and stands in a file beside it."
}

type configured struct {
	File     string     `json:"file"`
	Registry string     `json:"registry"`
	Keyring  string     `json:"keyringBackend"`
	Trust    home.Trust `json:"trust"`
}

// Run writes the configuration, and whom to trust.
func (c configCommand) Run(_ *environment, out *output) error {
	h, err := home.Open(c.Config)
	if err != nil {
		return usageError{err}
	}
	if err := c.apply(h); err != nil {
		return err
	}
	registry, err := h.Registry("")
	if err != nil {
		return usageError{err}
	}
	if err := h.Config.Save(); err != nil {
		return err
	}
	trust, err := c.trust(h, registry)
	if err != nil {
		return err
	}
	out.say("config", configured{h.Config.Path(), registry, h.Config.KeyringBackend, trust},
		fmt.Sprintf("Set configuration file `%s`: the registry is %s", h.Config.Path(), registry))
	if c.NewKey {
		return newKeyIfNone(h, registry, out)
	}
	return nil
}

// apply changes the configuration as the flags say.
func (c configCommand) apply(h *home.Home) error {
	if c.Overwrite {
		h.Config.Reset()
	}
	if c.Path != "" {
		h.Config.MoveTo(c.Path)
	}
	if c.Registry != "" {
		registry, err := home.ParseURL(c.Registry)
		if err != nil {
			return usageError{err}
		}
		h.Config.HomeURL = registry
	}
	for _, set := range []struct {
		to    *string
		value string
	}{
		{&h.Config.RegistriesDir, c.RegistriesDir}, {&h.Config.ContentDir, c.ContentDir}, {&h.Config.KeyringBackend, c.KeyringBackend},
	} {
		if set.value != "" {
			*set.to = set.value
		}
	}
	if c.DisableInit != nil {
		h.Config.DisableAutoInit = *c.DisableInit
	}
	h.UseFlatFile()
	return nil
}

// trust changes whom to trust as the flags say.
func (c configCommand) trust(h *home.Home, registry string) (home.Trust, error) {
	t, err := h.Trust(registry)
	if err != nil {
		return t, usageError{err}
	}
	switch c.OperatorKey {
	case "":
	case "none":
		t.OperatorKey = nil
	default:
		key, err := protocol.ParsePublicKey(c.OperatorKey)
		if err != nil {
			return t, usage("--operator-key is not a public key such as ecdsa-p256:<base64>: %w", err)
		}
		t.OperatorKey = &key
	}
	switch c.Policy {
	case "":
	case "none":
		t.Policy = ""
	default:
		if t.Policy, err = filepath.Abs(c.Policy); err == nil {
			_, err = session.ReadPolicy(t.Policy)
		}
		if err != nil {
			return t, usageError{err}
		}
	}
	if len(c.VKeys) > 0 {
		if err := mirror.CheckVKeys(c.VKeys); err != nil {
			return t, usage("--vkey: %w", err)
		}
		t.VKeys = c.VKeys
	}
	if c.MaxAge != "" {
		age, err := time.ParseDuration(c.MaxAge)
		if err == nil && age < 0 {
			err = errors.New("it is negative")
		}
		if err != nil {
			return t, usage("--max-age %q: %w", c.MaxAge, err)
		}
		t.MaxAge = home.Duration(age)
	}
	if c.OperatorKey+c.Policy+c.MaxAge == "" && len(c.VKeys) == 0 {
		return t, nil
	}
	return t, h.SetTrust(registry, t)
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
)

// registryArgument is a registry that may be named in two ways.
type registryArgument struct {
	URL      string `arg:"" optional:"" help:"URL of the registry; the configured one if it is not given."`
	Registry string `placeholder:"URL" help:"The same."`
	Config   string `type:"path" placeholder:"FILE" help:"Configuration file."`
}

// open opens the registry without asking it.
func (a registryArgument) flags() (session.Flags, error) {
	if a.URL != "" && a.Registry != "" {
		return session.Flags{}, usage("the registry is given twice; name it once")
	}
	return session.Flags{Registry: a.URL + a.Registry, Config: a.Config}, nil
}

type loginCommand struct {
	registryArgument
	TokenFile string `type:"path" placeholder:"FILE" help:"File with the token; without it, it is asked for on a terminal, or else read from standard input."`
}

// Help is shown by `login --help`.
func (loginCommand) Help() string {
	return "The token goes into the flat-file keyring, where the official client finds it, too. For continuous integration there is the variable WARG_TOKEN."
}

type loggedIn struct {
	Registry string `json:"registry"`
	LoggedIn bool   `json:"loggedIn"`
}

// Run keeps the token of a registry.
func (c loginCommand) Run(env *environment, out *output) error {
	flags, err := c.flags()
	if err != nil {
		return err
	}
	s, err := flags.Open(env.context, session.Options{})
	if errors.Is(err, home.ErrNoRegistry) {
		return usage("no registry is named; use `warg login URL`")
	}
	if err != nil {
		return err
	}
	defer s.Close()
	h := s.Home
	h.UseFlatFile()
	keyring, err := h.Keyring()
	if err != nil {
		return err
	}
	token, err := c.token(env, s.API())
	if err != nil {
		return err
	}
	if err := keyring.SetToken(s.API(), token); err != nil {
		return err
	}
	h.Config.KeyringAuth = true
	if h.Config.HomeURL == "" {
		h.Config.HomeURL = s.Registry
	}
	if err := h.Config.Save(); err != nil {
		return err
	}
	out.say("login", loggedIn{s.Registry, true}, fmt.Sprintf("Logged in to %s.", s.Registry))
	return nil
}

func (c loginCommand) token(env *environment, registry string) (token string, err error) {
	if c.TokenFile != "" {
		f, err := os.Open(c.TokenFile)
		if err != nil {
			return "", usageError{err}
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxSecret))
		if err != nil {
			return "", err
		}
		token = strings.TrimSpace(string(text))
	} else if token, err = env.secret(fmt.Sprintf("Token for %s: ", registry)); err != nil {
		return "", err
	}
	switch {
	case token == "":
		return "", usage("the token is empty")
	case strings.ContainsAny(token, " \t\r\n"):
		return "", usage("the token has white space in it")
	}
	return token, nil
}

type logoutCommand struct{ registryArgument }

// Run removes the token of a registry.
func (c logoutCommand) Run(env *environment, out *output) error {
	flags, err := c.flags()
	if err != nil {
		return err
	}
	s, err := flags.Open(env.context, session.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	keyring, err := s.Home.Keyring()
	if err != nil {
		return err
	}
	err = keyring.DeleteToken(s.API())
	if errors.Is(err, home.ErrNoSecret) {
		return fmt.Errorf("not logged in to %s", s.Registry)
	}
	if err != nil {
		return err
	}
	if s.Home.Config.HomeURL == s.Registry {
		s.Home.Config.KeyringAuth = false
		if err := s.Home.Config.Save(); err != nil {
			return err
		}
	}
	out.say("login", loggedIn{s.Registry, false}, fmt.Sprintf("Logged out of %s.", s.Registry))
	return nil
}

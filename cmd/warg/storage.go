package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type updateCommand struct{ session.Flags }

// updated is a package that was read on, as JSON.
type updated struct {
	Package   protocol.PackageName `json:"package"`
	Head      protocol.Hash        `json:"head"`
	LogLength uint64               `json:"logLength"`
}

// Run verifies what is new of the registry and of all packages that are remembered.
func (c updateCommand) Run(env *environment, out *output) error {
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		checkpoint, err := s.Client.Checkpoint(env.context)
		if err != nil {
			return err
		}
		names, err := s.Packages()
		if err != nil {
			return err
		}
		for _, name := range names {
			p, err := s.Client.Package(env.context, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			out.say("updated", updated{name, p.Head, p.Checkpoint.Contents.LogLength}, fmt.Sprintf("%s is at record %s", name, p.Head))
		}
		out.say("checkpoint", struct {
			LogLength uint64 `json:"logLength"`
			Packages  int    `json:"packages"`
		}{checkpoint.Contents.LogLength, len(names)},
			fmt.Sprintf("verified %d packages in the registry's log of %d records", len(names), checkpoint.Contents.LogLength))
		return nil
	})
}

type resetCommand struct{ session.Flags }

// Help is shown by `reset --help`.
func (resetCommand) Help() string {
	return "What was verified protects from a registry that goes back or shows another history: forget it only when that is meant, such as " +
		"after a test registry was made anew. Pinned keys and policies stay."
}

type removed struct {
	Folder string `json:"folder"`
}

// Run forgets what was verified of a registry.
func (c resetCommand) Run(env *environment, out *output) error {
	s, err := c.OpenOffline(env.options(out))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.VerifiedDir()); err != nil {
		return err
	}
	out.say("reset", removed{s.VerifiedDir()}, fmt.Sprintf("forgot what was verified of %s: the next contact is the first", s.Registry))
	return nil
}

type clearCommand struct {
	Config   string `type:"path" placeholder:"FILE" help:"Configuration file."`
	Registry string `hidden:"" help:"The official client has this flag; all registries share the content."`
}

// Run deletes the content that was downloaded into the content folder.
func (c clearCommand) Run(_ *environment, out *output) error {
	h, err := home.Open(c.Config)
	if err != nil {
		return usageError{err}
	}
	dir := h.ContentDir()
	if err := removeContent(dir); err != nil {
		return err
	}
	out.say("cleared", removed{dir}, fmt.Sprintf("deleted the content in %s", dir))
	return nil
}

// removeContent removes what the clients put into a content folder, and the folder if
// nothing else is in it.
func removeContent(dir string) error {
	var failed error
	for _, name := range []string{"sha256", "temp"} {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(dir, name)))
	}
	os.Remove(dir) // if it is empty
	return failed
}

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// requirementOf is the requirement that a version on the command line means. What begins
// with a digit is that version, as for the official client, which puts a "=" before
// (download.rs), and for `wkg get`; "1.2" is any 1.2.x. All else is a requirement as both
// clients read it in a component's dependencies: "^1.2", ">=1, <2", "*". Without a version
// it is "*", which takes no pre-releases.
func requirementOf(version string) string {
	switch {
	case version == "":
		return "*"
	case version[0] >= '0' && version[0] <= '9':
		return "=" + version
	}
	return version
}

// resolve finds the release that is meant. A whole version is the release with exactly this
// text, if there is one, as in the tags that wkg reads: requirements leave out what stands
// behind a "+".
func resolve(p *client.Package, version string) (protocol.Release, error) {
	if release, ok := p.Release(version); ok && release.Yank == nil {
		return release, nil
	}
	release, err := p.Resolve(requirementOf(version))
	var none *client.NoReleaseError
	switch {
	case err == nil:
		return release, nil
	case !errors.As(err, &none):
		return release, usage("version %q: %w", version, err)
	}
	if named, ok := p.Release(strings.TrimPrefix(version, "=")); ok && named.Yank != nil {
		return release, fmt.Errorf("%s %s was yanked on %s by key %s: %w", p.Name, named.Version, date(named.Yank.Time), named.Yank.By, err)
	}
	return release, err
}

// packageSpec is a package on the command line, and perhaps a version: NAME or
// NAME@VERSION.
type packageSpec struct {
	Name    protocol.PackageName
	Version string
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *packageSpec) UnmarshalText(text []byte) (err error) {
	name, version, versioned := strings.Cut(string(text), "@")
	if s.Name, err = protocol.ParsePackageName(name); err == nil && versioned && version == "" {
		err = errors.New("there is no version behind the @")
	}
	s.Version = version
	return err
}

// date is a time as people read it.
func date(t protocol.Time) string { return t.Std().Format(time.RFC3339) }

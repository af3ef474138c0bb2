package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// online has the registry prove which release the file is.
func (c verifyCommand) online(env *environment, out *output, s *session.Session, digest protocol.Hash) error {
	if c.Package.PackageName != (protocol.PackageName{}) {
		found, err := c.tryPackage(env, out, s, digest, c.Package.PackageName)
		if err == nil && !found {
			return unprovedError{fmt.Errorf("%s is not what %s has released: its digest is %s", c.File, c.Package, digest)}
		}
		return err
	}
	names, err := s.Packages()
	if err != nil {
		return err
	}
	var fallen error // all releases of the file that are known so far and do not do
	try := func(name protocol.PackageName) (done bool, err error) {
		found, err := c.tryPackage(env, out, s, digest, name)
		var y yankedError
		var version unprovedError // not the one that is asked for, which another package may have
		if errors.As(err, &y) || errors.As(err, &version) {
			fallen = errors.Join(fallen, err)
			return false, nil
		}
		return found || err != nil, err
	}
	for _, name := range names {
		if done, err := try(name); done {
			return err
		}
	}
	others, err := releasedBy(env, s, digest)
	if err != nil {
		return fmt.Errorf("no package that is remembered has a release that stands of %s, and the registry's log can not be searched (name one with --package): %w", c.File, err)
	}
	for _, name := range others {
		if slices.Contains(names, name) {
			continue
		}
		if done, err := try(name); done {
			return err
		}
	}
	if fallen != nil {
		return fallen
	}
	return fmt.Errorf("no package of %s has released %s, whose digest is %s", s.Registry, c.File, digest)
}

// yankedError says that all releases of a file in a package were yanked. Another package
// may have one that stands.
type yankedError struct{ error }

func (e yankedError) Unwrap() error { return e.error }

// tryPackage tells whether a package has released the digest. A release that was yanked is
// an error.
func (c verifyCommand) tryPackage(env *environment, out *output, s *session.Session, digest protocol.Hash, name protocol.PackageName) (found bool, err error) {
	records, p, err := s.Client.Records(env.context, name)
	if err != nil {
		return false, err
	}
	r, versions := findContent(records, digest)
	if len(versions) == 0 {
		return false, nil
	}
	if c.Version != "" {
		if !slices.Contains(versions, c.Version) {
			return true, unprovedError{fmt.Errorf("%s is %s %s, not version %s", c.File, name, strings.Join(versions, ", "), c.Version)}
		}
		versions = []string{c.Version}
	}
	var standing []string
	var yanked error
	for _, version := range versions {
		release, _ := p.Release(version)
		if release.Yank != nil {
			yanked = errors.Join(yanked, fmt.Errorf("%s is %s %s, which was yanked on %s by key %s", c.File, name, version, date(release.Yank.Time), release.Yank.By))
			continue
		}
		standing = append(standing, version)
	}
	if len(standing) == 0 {
		return true, yankedError{yanked}
	}
	if release, ok := p.Release(standing[0]); ok && release.RecordID != r.ID {
		r = recordOf(records, release.RecordID)
	}
	answer := identified{
		File: c.File, Digest: digest, Package: name, Versions: standing, RecordID: r.ID, By: r.Envelope.KeyID,
		Proof: "registry", Log: s.Registry, LogLength: p.Checkpoint.Contents.LogLength,
	}
	if s.Policy != nil && s.Policy.Quorum() != "none" {
		answer.Quorum = s.Policy.Quorum()
	}
	withheld, err := withheldNow(env, out, s)
	if err != nil {
		return true, err
	}
	lines := []string{
		fmt.Sprintf("%s is %s %s", c.File, name, strings.Join(standing, ", ")),
		fmt.Sprintf("  digest %s", digest),
		fmt.Sprintf("  released on %s by key %s, in record %s", date(r.Record.Time), answer.By, answer.RecordID),
		fmt.Sprintf("  not yanked, as of the registry's log of %d records: all records of the package were checked", answer.LogLength),
	}
	if s, ok := withheld[digest]; ok {
		answer.Withheld = showWithheld(s)
		lines = append(lines, "  "+answer.Withheld.words())
	}
	out.say("verified", answer, lines...)
	return true, nil
}

// findContent returns the first record that releases a content, and all versions with it.
func findContent(records []client.LoggedRecord, digest protocol.Hash) (first client.LoggedRecord, versions []string) {
	for _, r := range records {
		for _, e := range r.Record.Entries {
			if e.Type != protocol.EntryRelease || e.Content != digest.Any() {
				continue
			}
			if len(versions) == 0 {
				first = r
			}
			versions = append(versions, e.Version)
		}
	}
	return first, versions
}

func recordOf(records []client.LoggedRecord, id protocol.Hash) client.LoggedRecord {
	i := slices.IndexFunc(records, func(r client.LoggedRecord) bool { return r.ID == id })
	return records[max(i, 0)]
}

// releasedBy looks through the registry's records log for packages that seem to have
// released a content. What it finds is a hint: the registry has to prove it.
func releasedBy(env *environment, s *session.Session, digest protocol.Hash) ([]protocol.PackageName, error) {
	source, err := audit.NewHTTPSource(s.API(), audit.HTTPOptions{
		Token: s.Token(), UserAgent: session.UserAgent, HeaderTimeout: s.MaxIdle(), RateWindow: s.MaxIdle(),
	})
	if err != nil {
		return nil, err
	}
	var names []protocol.PackageName
	reader := mirror.RecordsReader{Source: source}
	err = reader.Read(env.context, 0, func(r mirror.Record) error {
		if r.Name == "" {
			return nil
		}
		record, err := protocol.DecodePackageRecord(r.Envelope.Content)
		if err != nil || !slices.Contains(record.Contents(), digest.Any()) {
			return nil
		}
		if name, err := protocol.ParsePackageName(r.Name); err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

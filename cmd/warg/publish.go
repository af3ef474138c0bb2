package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/keys"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type publishCommands struct {
	Init    publishInit    `cmd:"" help:"Begin a package."`
	Release publishRelease `cmd:"" help:"Release a version."`
	Yank    publishYank    `cmd:"" help:"Withdraw a version, for ever."`
	Grant   publishGrant   `cmd:"" help:"Give permissions to a key."`
	Revoke  publishRevoke  `cmd:"" help:"Take permissions from a key."`
	Start   publishStart   `cmd:"" help:"Begin a record of several entries; the commands above add to it then."`
	List    publishList    `cmd:"" help:"Show the record that was begun."`
	Abort   publishAbort   `cmd:"" help:"Drop the record that was begun."`
	Submit  publishSubmit  `cmd:"" help:"Sign and publish the record that was begun."`
	Wait    publishWait    `cmd:"" help:"Wait until a record is published, and proved to be."`
}

// packageName is the name of a package on the command line.
type packageName struct{ protocol.PackageName }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *packageName) UnmarshalText(text []byte) (err error) {
	n.PackageName, err = protocol.ParsePackageName(string(text))
	return err
}

// signFlags are those of commands that sign a record, or add to one that was begun.
type signFlags struct {
	session.Flags
	Keys   keys.Flags `embed:""`
	NoWait bool       `help:"Do not wait until the record is published."`
}

// namedFlags name a package as the official client does.
type namedFlags struct {
	Name packageName `short:"n" required:"" placeholder:"PACKAGE" help:"Package, such as example:hello."`
	signFlags
}

// publishEntry publishes an entry, or adds it to the record that was begun.
func (f signFlags) publishEntry(env *environment, out *output, name protocol.PackageName, e entry) error {
	return env.withRegistry(out, f.Flags, func(s *session.Session) error {
		pending, err := readPending(s)
		if err != nil {
			return err
		}
		if pending != nil {
			if err := pending.add(s, name, e); err != nil {
				return err
			}
			out.say("pending", pending, fmt.Sprintf("added %s to the pending record of `%s`; `warg publish submit` publishes it", e.words(), name))
			return nil
		}
		return f.publish(env, out, s, name, []entry{e})
	})
}

type publishInit struct {
	Name packageName `arg:"" name:"package" help:"Package, such as example:hello."`
	signFlags
}

// Run begins a package.
func (c publishInit) Run(env *environment, out *output) error {
	return c.publishEntry(env, out, c.Name.PackageName, entry{Type: "init"})
}

type publishRelease struct {
	namedFlags
	Version string   `short:"v" required:"" placeholder:"VERSION" help:"Semantic version, such as 1.0.0."`
	Path    string   `arg:"" optional:"" help:"File to release, such as hello.wasm."`
	Digest  string   `placeholder:"DIGEST" help:"Digest of the content, sha256:<hex>, instead of the file: the registry has it, or fetches it from --content-source."`
	Sources []string `name:"content-source" sep:"none" placeholder:"URL" help:"Where the registry is asked to fetch the content (repeatable). If it does not, the file is uploaded."`
}

// Help is shown by `publish release --help`.
func (publishRelease) Help() string {
	return "What is signed is the digest: that of the file, or --digest. So a registry that fetches the content from --content-source can take nothing " +
		"else from there. Registries may refuse to fetch (--content-sources of warg-personality); then, and if the sources do not give the content, " +
		"the file is uploaded as without them. With --digest there is no file, and the command ends with status 1."
}

// Run releases a version.
func (c publishRelease) Run(env *environment, out *output) error {
	e, err := c.entry()
	if err != nil {
		return err
	}
	return c.publishEntry(env, out, c.Name.PackageName, e)
}

func (c publishRelease) entry() (entry, error) {
	e := entry{Type: "release", Version: c.Version, Path: c.Path, Sources: c.Sources}
	if err := protocol.CheckVersion(c.Version); err != nil {
		return e, usage("version %q: %w", c.Version, err)
	}
	for _, source := range c.Sources {
		if err := client.CheckSource(source); err != nil {
			return e, usage("--content-source: %w", err)
		}
	}
	if (c.Path == "") == (c.Digest == "") {
		return e, usage("name either the file to release or its --digest")
	}
	if c.Digest != "" {
		digest, err := protocol.ParseHash(c.Digest)
		if err != nil {
			return e, usage("--digest %q is not sha256:<64 hex digits>: %w", c.Digest, err)
		}
		e.Content = &digest
		return e, nil
	}
	content, err := client.ContentOfFile(c.Path)
	if err != nil {
		return e, usageError{err}
	}
	e.Content, e.Size = &content.Digest, content.Size
	return e, nil
}

type publishYank struct {
	namedFlags
	Version string `short:"v" required:"" placeholder:"VERSION" help:"Version to withdraw."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

// Run withdraws a version.
func (c publishYank) Run(env *environment, out *output) error {
	if err := protocol.CheckVersion(c.Version); err != nil {
		return usage("version %q: %w", c.Version, err)
	}
	if !c.Yes {
		if !env.mayAsk(c.Config) {
			return usage("a yank can not be taken back: say --yes where nobody can be asked")
		}
		yes, err := env.confirm(fmt.Sprintf("`Yank` revokes a version, making it unavailable. It is permanent and cannot be reversed.\nYank `%s` of `%s`?", c.Version, c.Name))
		if err != nil {
			return err
		}
		if !yes {
			return fmt.Errorf("%s %s was not yanked", c.Name, c.Version)
		}
	}
	return c.publishEntry(env, out, c.Name.PackageName, entry{Type: "yank", Version: c.Version})
}

// permissionFlags say which permissions are given or taken.
type permissionFlags struct {
	Permission []string `enum:"release,yank" default:"release,yank" help:"Permissions: release, yank (repeatable)."`
}

func (f permissionFlags) list() []protocol.PackagePermission {
	all := make([]protocol.PackagePermission, len(f.Permission))
	for i, p := range f.Permission {
		all[i] = protocol.PackagePermission(p)
	}
	return all
}

type publishGrant struct {
	namedFlags
	PublicKeyArgument string `arg:"" name:"public-key-of-other" help:"Public key to give permissions to: ecdsa-p256:<base64>, or a file with one."`
	permissionFlags
}

// Run gives permissions to a key.
func (c publishGrant) Run(env *environment, out *output) error {
	key, err := keys.ParsePublic(c.PublicKeyArgument)
	if err != nil {
		return err
	}
	return c.publishEntry(env, out, c.Name.PackageName, entry{Type: "grant", Key: &key, Permissions: c.list()})
}

type publishRevoke struct {
	namedFlags
	KeyID string `arg:"" name:"key-id" help:"Id of the key to take permissions from, sha256:<hex>."`
	permissionFlags
}

// Run takes permissions from a key.
func (c publishRevoke) Run(env *environment, out *output) error {
	if _, err := protocol.AnyHash(c.KeyID).Hash(); err != nil {
		return usage("%q is not the id of a key, sha256:<64 hex digits>: %w", c.KeyID, err)
	}
	return c.publishEntry(env, out, c.Name.PackageName, entry{Type: "revoke", KeyID: protocol.KeyID(c.KeyID), Permissions: c.list()})
}

type publishWait struct {
	Name   packageName `arg:"" name:"package" help:"Package, such as example:hello."`
	Record string      `arg:"" help:"Id of the record, as --no-wait has shown it."`
	session.Flags
}

// Run waits for a record.
func (c publishWait) Run(env *environment, out *output) error {
	id, err := protocol.AnyHash(c.Record).Hash()
	if err != nil {
		return usage("%q is not the id of a record, sha256:<64 hex digits>: %w", c.Record, err)
	}
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		bounded, stop := context.WithTimeout(env.context, maxPublishing)
		defer stop()
		p, err := s.Client.WaitFor(bounded, c.Name.PackageName, id)
		if bounded.Err() != nil {
			err = stillAccepted(err, c.Name.PackageName, id)
		}
		if err != nil {
			return err
		}
		out.say("published", published{Package: c.Name.PackageName, RecordID: id, Published: true, Checkpoint: p.Checkpoint.Contents.LogLength},
			fmt.Sprintf("record `%s` of package `%s` has been published", id, c.Name))
		return nil
	})
}

// joined lists permissions.
func joined(permissions []protocol.PackagePermission) string {
	all := make([]string, len(permissions))
	for i, p := range permissions {
		all[i] = string(p)
	}
	return strings.Join(all, ",")
}

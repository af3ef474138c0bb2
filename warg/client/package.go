package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Package is a package as a registry proved it. It does not change, and may be
// read by several goroutines.
type Package struct {
	Name       protocol.PackageName
	Checkpoint protocol.SignedCheckpoint // under which it was proved
	Head       protocol.Hash             // id of the last record of its log
	HeadIndex  uint64                    // of that record in the registry's log

	log *protocol.PackageLog
}

// Key is a key that a log knows.
type Key[P ~string] struct {
	Public      protocol.PublicKey
	Permissions []P // that it holds now; none if all were revoked
}

// Package returns a package, verified as the documentation of the package
// client says.
//
// Errors, besides those of all calls: [*NotFoundError],
// [*ImportedNamespaceError].
func (c *Client) Package(ctx context.Context, name protocol.PackageName) (*Package, error) {
	log, err := c.packageView(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.viewPackage(ctx, log)
}

// Resolve returns the release with the highest version that fits a requirement
// and is not yanked. See [Package.Resolve] for requirements and errors.
func (c *Client) Resolve(ctx context.Context, name protocol.PackageName, requirement string) (protocol.Release, error) {
	p, err := c.Package(ctx, name)
	if err != nil {
		return protocol.Release{}, err
	}
	return p.Resolve(requirement)
}

// viewPackage reads a package log on.
func (c *Client) viewPackage(ctx context.Context, log *logView) (*Package, error) {
	v, err := c.view(ctx, log)
	if errors.Is(err, errNoRecordYet) { // it may have begun after the checkpoint was fetched
		v, err = c.view(ctx, log)
	}
	if errors.Is(err, errNoRecordYet) {
		return nil, c.explainMissing(ctx, log, err)
	}
	var missing *api.FetchError
	if errors.As(err, &missing) && missing.Variant == api.FetchLogNotFound && missing.LogID == log.id.Any() {
		return nil, c.explainMissing(ctx, log, err)
	}
	if err != nil {
		return nil, err
	}
	head, _ := log.head()
	return &Package{
		Name: log.name, Checkpoint: v.checkpoint, Head: head, HeadIndex: log.index,
		log: &log.state.(*packageChain).PackageLog,
	}, nil
}

// checkNamespace demands that a package that is there is of a namespace of this
// registry.
func (c *Client) checkNamespace(name protocol.PackageName, operator *operatorChain) error {
	ns, defined := operator.Namespace(name.Namespace())
	switch {
	case !defined:
		return c.unproven(ClaimPackageLog, fmt.Errorf("package %s is of a namespace that the operator log does not define", name))
	case ns.Imported:
		return &ImportedNamespaceError{Namespace: ns.Name, Registry: ns.Registry}
	}
	return nil
}

// explainMissing returns the error for a package that the registry says it does
// not have.
func (c *Client) explainMissing(ctx context.Context, log *logView, said error) error {
	name := log.name
	if log.known {
		return c.unproven(ClaimPackageLog, fmt.Errorf("package %s was there, and is gone: %w", name, said))
	}
	v, err := c.view(ctx, nil)
	if err != nil {
		return err
	}
	ns, defined := v.operator.Namespace(name.Namespace())
	if ns.Imported {
		return &ImportedNamespaceError{Namespace: ns.Name, Registry: ns.Registry}
	}
	missing := &NotFoundError{Name: name, UndefinedNamespace: !defined}
	var refusal *APIError
	if errors.As(said, &refusal) {
		missing.Hint = refusal.Hint
	}
	return missing
}

// Releases returns all releases in the order of the log, yanked ones included.
func (p *Package) Releases() iter.Seq[protocol.Release] { return p.log.Releases() }

// Release returns the release of a version, yanked or not. One that was yanked
// has no content any more.
func (p *Package) Release(version string) (protocol.Release, bool) { return p.log.Release(version) }

// Resolve returns the release with the highest version that fits a Cargo-style
// requirement ("*", "^1.2", "=1.2.3", ">=1, <1.5"; "1.2.3" is "^1.2.3") and is
// not yanked. Errors: [*NoReleaseError]; others if it is no requirement.
func (p *Package) Resolve(requirement string) (protocol.Release, error) {
	release, ok, err := p.log.FindLatest(requirement)
	if err == nil && !ok {
		err = &NoReleaseError{Name: p.Name, Requirement: requirement}
	}
	return release, err
}

// Keys returns the keys of the package's log by id, in the order in which it
// came to know them.
func (p *Package) Keys() iter.Seq2[protocol.KeyID, Key[protocol.PackagePermission]] {
	return keys(p.log.Permissions(), p.log.PublicKey)
}

func keys[P ~string](held iter.Seq2[protocol.KeyID, []P], public func(protocol.KeyID) (protocol.PublicKey, bool)) iter.Seq2[protocol.KeyID, Key[P]] {
	return func(yield func(protocol.KeyID, Key[P]) bool) {
		for id, permissions := range held {
			key, _ := public(id)
			if !yield(id, Key[P]{Public: key, Permissions: permissions}) {
				return
			}
		}
	}
}

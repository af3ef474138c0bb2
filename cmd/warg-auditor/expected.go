package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxExpectedFile is the size in bytes of the largest file of expectations.
const maxExpectedFile = 1 << 20

// expectation is what the owner of packages expects to happen to them.
type expectation struct {
	Keys  []protocol.KeyID `toml:"keys"`  // that sign, and that are given permissions
	Yanks bool             `toml:"yanks"` // releases may be yanked
}

// expectations are what a file says, for all that is watched, for namespaces, and for
// packages; they add up.
type expectations struct {
	expectation
	Namespace map[string]expectation `toml:"namespace"`
	Package   map[string]expectation `toml:"package"`
}

// readExpectations reads a TOML file:
//
//	keys = ["sha256:..."]        # of all that is watched
//
//	[namespace.NAME]
//	keys = ["sha256:..."]
//	yanks = true                 # default false
//
//	[package."NAMESPACE:NAME"]
//	keys = ["sha256:..."]
func readExpectations(path string) (*expectations, error) {
	text, err := readFile(path, maxExpectedFile)
	if err != nil {
		return nil, fmt.Errorf("--expected: %w", err)
	}
	e := new(expectations)
	meta, err := toml.Decode(string(text), e)
	if err != nil {
		return nil, fmt.Errorf("--expected %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("--expected %s: nothing is called %q here; there are keys, yanks, namespace and package", path, unknown[0])
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("--expected %s: %w", path, err)
	}
	return e, nil
}

// check refuses what would never be met.
func (e *expectations) check() error {
	for name := range e.Namespace {
		if !protocol.ValidNamespace(name) {
			return fmt.Errorf("%q is no namespace", name)
		}
	}
	for name := range e.Package {
		if _, err := protocol.ParsePackageName(name); err != nil {
			return err
		}
	}
	all := slices.Concat([]expectation{e.expectation}, slices.Collect(maps.Values(e.Namespace)), slices.Collect(maps.Values(e.Package)))
	for _, of := range all {
		for _, key := range of.Keys {
			if _, err := protocol.ParseHash(string(key)); err != nil {
				return fmt.Errorf("%q is no key id such as sha256:...: %w", key, err)
			}
		}
	}
	return nil
}

// expected is what may happen to a package without anybody being told apart.
type expected struct {
	keys  map[protocol.KeyID]bool
	yanks bool
}

// of adds up what is expected of a package; false if the file says nothing about it.
func (e *expectations) of(name protocol.PackageName) (expected, bool) {
	if e == nil {
		return expected{}, false
	}
	namespace, a := e.Namespace[name.Namespace()]
	pkg, b := e.Package[name.String()]
	sum := expected{keys: map[protocol.KeyID]bool{}}
	for _, of := range []expectation{e.expectation, namespace, pkg} {
		for _, key := range of.Keys {
			sum.keys[key] = true
		}
		sum.yanks = sum.yanks || of.Yanks
	}
	return sum, a || b || len(e.Keys) > 0 || e.Yanks
}

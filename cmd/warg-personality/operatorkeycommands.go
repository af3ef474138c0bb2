package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

var allOperatorPermissions = []protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace, protocol.PermissionImportNamespace}

type operatorGrantCommand struct {
	Key        string   `arg:"" help:"Public key, ecdsa-p256:<base64>, or a file with that or with PEM."`
	Permission []string `short:"p" enum:"commit,defineNamespace,importNamespace" help:"What it may do: commit (sign checkpoints, grant and revoke), defineNamespace, importNamespace (repeatable; default: all)."`
	operatorSignFlags
}

// Help is shown by `operator key grant --help`.
func (operatorGrantCommand) Help() string {
	return `Whoever has a key with commit can sign checkpoints, and grant and revoke. Nobody
can give a permission that he does not have himself.

  warg-personality key new -o new.key
  warg-personality key info new.key       # shows the public key
  warg-personality operator key grant ecdsa-p256:A... --operator-key-file operator.key`
}

// Run grants what the key does not hold yet.
func (c operatorGrantCommand) Run(std streams) error {
	key, err := signer.ReadPublicKey(c.Key)
	if err != nil {
		return settingError{err}
	}
	return c.submit(std, func(o *client.Operator) ([]protocol.OperatorEntry, error) {
		held := heldBy(o, key.ID())
		missing := slices.DeleteFunc(permissionsOf(c.Permission), func(p protocol.OperatorPermission) bool { return slices.Contains(held, p) })
		if len(missing) == 0 {
			return nil, nil
		}
		return []protocol.OperatorEntry{{Type: protocol.EntryGrantFlat, Key: key, Permissions: missing}}, nil
	})
}

type operatorRevokeCommand struct {
	Key        string   `arg:"" help:"Id of the key, sha256:<hex>, or the key as for grant."`
	Permission []string `short:"p" enum:"commit,defineNamespace,importNamespace" help:"What it may do no more (repeatable; default: all that it may)."`
	operatorSignFlags
}

// Help is shown by `operator key revoke --help`.
func (operatorRevokeCommand) Help() string {
	return `A permission that no other key has is not revoked: nobody could ever grant it
again. Give each process of the registry a key that keeps commit first
(--operator-key-file, and SIGHUP).`
}

// Run revokes what the key holds.
func (c operatorRevokeCommand) Run(std streams) error {
	id := protocol.KeyID(c.Key)
	if !strings.HasPrefix(c.Key, "sha256:") {
		key, err := signer.ReadPublicKey(c.Key)
		if err != nil {
			return settingError{err}
		}
		id = key.ID()
	}
	return c.submit(std, func(o *client.Operator) ([]protocol.OperatorEntry, error) {
		held := heldBy(o, id)
		if held == nil {
			return nil, fmt.Errorf("the operator log has no key %s", id)
		}
		taken := slices.DeleteFunc(permissionsOf(c.Permission), func(p protocol.OperatorPermission) bool { return !slices.Contains(held, p) })
		if len(taken) == 0 {
			return nil, nil
		}
		return []protocol.OperatorEntry{{Type: protocol.EntryRevokeFlat, KeyID: id, Permissions: taken}}, nil
	})
}

// permissionsOf returns the named permissions, each once; all if none is named.
func permissionsOf(names []string) (all []protocol.OperatorPermission) {
	for _, p := range allOperatorPermissions {
		if len(names) == 0 || slices.Contains(names, string(p)) {
			all = append(all, p)
		}
	}
	return all
}

// heldBy returns the permissions of a key; nil if the log does not know it.
func heldBy(o *client.Operator, id protocol.KeyID) []protocol.OperatorPermission {
	for known, key := range o.Keys() {
		if known == id {
			return append([]protocol.OperatorPermission{}, key.Permissions...)
		}
	}
	return nil
}

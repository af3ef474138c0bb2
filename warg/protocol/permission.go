package protocol

import (
	"fmt"
	"slices"
)

// PackagePermission is what a key may do in a package log.
type PackagePermission string

// The permissions in a package log. The key of the init entry has them all.
const (
	PermissionRelease PackagePermission = "release"
	PermissionYank    PackagePermission = "yank"
)

// OperatorPermission is what a key may do in the operator log.
type OperatorPermission string

// The permissions in the operator log. The signer of the init entry has them
// all.
const (
	// PermissionCommit allows signing checkpoints, and granting and revoking.
	PermissionCommit          OperatorPermission = "commit"
	PermissionDefineNamespace OperatorPermission = "defineNamespace"
	PermissionImportNamespace OperatorPermission = "importNamespace"
)

// The permissions in the order of their protobuf numbers, beginning at 1. It is
// also the order in which an init entry grants them.
var (
	packagePermissions  = []PackagePermission{PermissionRelease, PermissionYank}
	operatorPermissions = []OperatorPermission{PermissionCommit, PermissionDefineNamespace, PermissionImportNamespace}
)

// permissionsOf turns protobuf numbers into the permissions of all.
func permissionsOf[P ~string](all []P, numbers []int32) ([]P, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	permissions := make([]P, len(numbers))
	for i, n := range numbers {
		if n < 1 || int(n) > len(all) {
			return nil, fmt.Errorf("the value %d could not be parsed as a permission", n)
		}
		permissions[i] = all[n-1]
	}
	return permissions, nil
}

// permissionSet is a set that remembers an order, as a value: assigning it
// copies it. New members go to the end; a removed one is replaced by the last
// (the reference prints states in this order).
type permissionSet[P ~string] struct {
	n  int
	at [3]P
}

func (s permissionSet[P]) list() []P { return s.at[:s.n] }

func (s permissionSet[P]) find(p P) int {
	for i := range s.n {
		if s.at[i] == p {
			return i
		}
	}
	return -1
}

func (s permissionSet[P]) has(p P) bool { return s.find(p) >= 0 }

func (s permissionSet[P]) with(p P) permissionSet[P] {
	if !s.has(p) {
		s.at[s.n] = p
		s.n++
	}
	return s
}

func (s permissionSet[P]) without(p P) permissionSet[P] {
	if i := s.find(p); i >= 0 {
		s.n--
		s.at[i] = s.at[s.n]
		s.at[s.n] = ""
	}
	return s
}

// permissionNumber returns the protobuf number of p, 0 if it is none of all.
func permissionNumber[P ~string](all []P, p P) uint64 {
	return uint64(slices.Index(all, p) + 1)
}

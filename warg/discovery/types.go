package discovery

import (
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Summary is a release in a list.
type Summary struct {
	Name    string `json:"name"` // namespace:name
	Version string `json:"version"`
	Kind    string `json:"kind,omitempty"` // of its content: KindModule, ...; empty: unknown
	// Description and License are those of its content's metadata, one line each, cut.
	Description string `json:"description,omitempty"`
	License     string `json:"license,omitempty"`
	Size        int64  `json:"size,omitempty"` // of its content in bytes; 0: unknown

	Digest   protocol.Hash  `json:"digest"` // of its content
	Released time.Time      `json:"released"`
	Key      protocol.KeyID `json:"key"` // that signed its record

	// LogID, Record and RegistryIndex name its record, by which it can be proved.
	LogID         protocol.Hash `json:"logId"`
	Record        protocol.Hash `json:"recordId"`
	RegistryIndex uint64        `json:"registryIndex"`

	Yanked   *Change `json:"yanked,omitempty"`
	Withheld *Reason `json:"withheld,omitempty"`
	// Described says how far its content was read.
	Described string `json:"described"`
}

// States of a release's description.
const (
	Described    = "yes"     // it was read
	NotYet       = "pending" // it is to be read
	Undescribed  = "no"      // it is not WebAssembly, or was never here
	DescribedOld = "again"   // it was read by an earlier version of the registry, and is to be read again
)

// Change is a record that changed something.
type Change struct {
	Time          time.Time      `json:"time"`
	Key           protocol.KeyID `json:"key"`
	Record        protocol.Hash  `json:"recordId"`
	RegistryIndex uint64         `json:"registryIndex"`
}

// Reason is why content is withheld: see package withheld.
type Reason struct {
	Time      time.Time `json:"time"`
	Text      string    `json:"reason"`
	Reference string    `json:"reference,omitempty"`
}

// Page is some releases of an answer. It may have fewer than were asked for, and none, although
// there is a next one: a page takes little time.
type Page struct {
	Items []Summary `json:"items"`
	// Total is how many there are, or the least that is known if AtLeast.
	Total   int64 `json:"total"`
	AtLeast bool  `json:"atLeast,omitempty"`
	// Next is the page value of the page behind; empty on the last. It stays valid, and
	// skips and repeats nothing, while records are added.
	Next string `json:"next,omitempty"`
	// LogLength is that of the records log whose records were looked at.
	LogLength uint64 `json:"logLength"`
}

// Package is a package with all its releases, newest version first.
type Package struct {
	Name    string        `json:"name"`
	LogID   protocol.Hash `json:"logId"`
	Created Change        `json:"created"` // its first record
	// Latest is the newest release by semantic versioning that is neither yanked nor a
	// pre-release (else, that is not yanked); absent if all are.
	Latest   *Release  `json:"latest,omitempty"`
	Releases []Summary `json:"releases"`
	// Total is how many releases there are; Releases has the first of them.
	Total     int64  `json:"total"`
	Keys      []Held `json:"keys"`
	LogLength uint64 `json:"logLength"`
}

// Held is what a key may do in a package.
type Held struct {
	Key         protocol.KeyID `json:"key"`
	PublicKey   string         `json:"publicKey,omitempty"`
	Permissions []string       `json:"permissions"` // release, yank; none: all were revoked
}

// Release is one release, and what is in it.
type Release struct {
	Summary
	Content *Description `json:"content,omitempty"` // absent if it was not described
	Needs   []Capability `json:"needs,omitempty"`
	HasWIT  bool         `json:"hasWit"`
	// Dependents are how many packages import an interface that this one's package defines,
	// or import this package by name.
	Dependents int64  `json:"dependents"`
	LogLength  uint64 `json:"logLength"`
}

// Capability is what a component asks of the machine that runs it, as its imports say.
type Capability struct {
	Name       string   `json:"name"`       // filesystem, network, clock, randomness, ...
	Text       string   `json:"text"`       // in plain words
	Interfaces []string `json:"interfaces"` // by which it is said
}

// Interface is who exports, imports and defines an interface.
type Interface struct {
	Name      string            `json:"name"` // wasi:http/incoming-handler, without a version
	Defined   []Summary         `json:"definedBy,omitempty"`
	Versions  []InterfaceAmount `json:"versions"`
	Exported  Page              `json:"exportedBy"`
	Imported  Page              `json:"importedBy"`
	LogLength uint64            `json:"logLength"`
}

// InterfaceAmount is how many packages use a version of an interface; "" is none.
type InterfaceAmount struct {
	Version string `json:"version"`
	Exports int64  `json:"exports"`
	Imports int64  `json:"imports"`
}

// Facets are how many packages of an answer have a value, most frequent first. A license is
// an identifier in the expression, in lower case.
type Facets struct {
	Kinds      []Facet `json:"kinds"`
	Licenses   []Facet `json:"licenses"`
	Namespaces []Facet `json:"namespaces"`
	Exports    []Facet `json:"exports"` // interfaces without versions
	Imports    []Facet `json:"imports"`
	// Sampled: the answer has many, and the first of it were counted.
	Sampled   bool   `json:"sampled,omitempty"`
	LogLength uint64 `json:"logLength"`
}

// Facet is a value and how many have it.
type Facet struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Key is what a key has done in this registry.
type Key struct {
	Key       protocol.KeyID `json:"key"`
	PublicKey string         `json:"publicKey,omitempty"`
	Records   int64          `json:"records"` // that it signed
	Packages  []KeyPackage   `json:"packages"`
	Total     int64          `json:"total"` // packages
	// Operator is what it may do in the operator log; absent if it never could.
	Operator  *KeyPackage `json:"operator,omitempty"`
	LogLength uint64      `json:"logLength"`
}

// KeyPackage is what a key may do, and did, in a package.
type KeyPackage struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Records     int64    `json:"records"`
	Last        *Change  `json:"last,omitempty"`
}

// Event is an entry of a record in a package's log.
type Event struct {
	Change
	// Entry is init, grant, revoke, release or yank.
	Entry       string         `json:"entry"`
	Version     string         `json:"version,omitempty"` // of a release or yank
	Digest      *protocol.Hash `json:"digest,omitempty"`  // of a release
	Subject     protocol.KeyID `json:"subject,omitempty"` // of a grant, revoke or init
	Permissions []string       `json:"permissions,omitempty"`
}

// Status is how far the index is, and what it holds.
type Status struct {
	LogLength  uint64 `json:"logLength"`  // up to which records were read
	Behind     uint64 `json:"behind"`     // published records that were not read yet
	ToDescribe int64  `json:"toDescribe"` // releases whose content is to be described
	Packages   int64  `json:"packages"`
	Releases   int64  `json:"releases"`
	Namespaces int64  `json:"namespaces"`
	Keys       int64  `json:"keys"`
}

// Log is some entries of a package's log, oldest first.
type Log struct {
	Events []Event `json:"events"`
	// Next is the value of from behind the last of them; absent if there are no more.
	Next uint64 `json:"next,omitempty"`
}

package discovery

// Kinds of content.
const (
	KindModule    = "module"    // a core WebAssembly module
	KindComponent = "component" // a component
	KindWIT       = "wit"       // a WIT package, encoded as a component
)

// Description is what a content says of itself: what its bytes say, after they were
// validated, and nothing that was proved. Lists and texts are bounded: a List has the number
// of items that there are beside those that are given, and Problems says what was cut.
type Description struct {
	// Kind is one of the kinds above; empty if the content is not valid WebAssembly or
	// could not be described, for which Problems has the reason.
	Kind string `json:"kind"`
	// Name is that of the module or component in its name section.
	Name string `json:"name,omitempty"`
	// Size is that of the content in bytes; Code and Data are those of the code and data
	// sections of all core modules in it.
	Size      int64 `json:"size"`
	Functions int64 `json:"functions"` // defined in all core modules
	Code      int64 `json:"code"`
	Data      int64 `json:"data"`

	Imports List[Extern] `json:"imports"`
	Exports List[Extern] `json:"exports"`

	Producers    []Producer       `json:"producers,omitempty"`
	Metadata     Metadata         `json:"metadata"`
	Dependencies List[Dependency] `json:"dependencies"` // of .dep-v0 (cargo-auditable)
	Custom       List[Section]    `json:"custom"`
	// Children are how many modules and components are nested in the content, at any depth.
	Children int64 `json:"children"`
	// Problems are what could not be read or was cut, a sentence each.
	Problems []string `json:"problems,omitempty"`
}

// List is a bounded part of a list.
type List[T any] struct {
	Total int64 `json:"total"` // how many there are
	Items []T   `json:"items,omitempty"`
}

// Extern is an import or export.
type Extern struct {
	Module string `json:"module,omitempty"` // of an import of a core module
	Name   string `json:"name"`
	// Kind is func, table, memory, global or tag of a core module; func, value, type,
	// instance, component or module of a component.
	Kind string `json:"kind"`
	// Package ("wasi:http"), Interface ("incoming-handler") and Version ("0.2.3") are the
	// parts of a name "wasi:http/incoming-handler@0.2.3"; empty if it has another form.
	Package   string `json:"package,omitempty"`
	Interface string `json:"interface,omitempty"`
	Version   string `json:"version,omitempty"`
}

// Producer is one value of a field of the producers section, such as processed-by.
type Producer struct {
	Field   string `json:"field"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Metadata are the custom sections of the registry metadata (wasm-metadata): text as it
// stands there, each optional.
type Metadata struct {
	Authors     string `json:"authors,omitempty"`
	Description string `json:"description,omitempty"`
	Licenses    string `json:"licenses,omitempty"` // meant as an SPDX expression
	Source      string `json:"source,omitempty"`   // meant as a URL
	Homepage    string `json:"homepage,omitempty"` // meant as a URL
	Revision    string `json:"revision,omitempty"`
	Version     string `json:"version,omitempty"`
}

// Dependency is a package that the content was built from.
type Dependency struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Source  string `json:"source,omitempty"` // crates.io, git, local, registry or other
	Kind    string `json:"kind,omitempty"`   // runtime or build
	// Dependencies are the positions of others in the whole list.
	Dependencies []int64 `json:"dependencies,omitempty"`
	Root         bool    `json:"root,omitempty"` // what was built
}

// Section is a custom section at the outermost level.
type Section struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // in bytes, without the name
}

// WIT is the interface of a component or WIT package as text.
type WIT struct {
	Kind     string       `json:"kind"` // KindComponent or KindWIT
	Packages []WITPackage `json:"packages"`
	Worlds   []WITWorld   `json:"worlds"`
	// Text is all packages as WIT. If Truncated, it or one of the lists was cut at its bound.
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitempty"`
	// Problems are what could not be read, such as documentation, a sentence each.
	Problems []string `json:"problems,omitempty"`
}

// WITPackage is a package in a WIT.
type WITPackage struct {
	Name       string   `json:"name"`
	Version    string   `json:"version,omitempty"`
	Interfaces []string `json:"interfaces,omitempty"`
	Worlds     []string `json:"worlds,omitempty"`
	Main       bool     `json:"main,omitempty"` // the content is this one
}

// WITWorld is a world in a WIT.
type WITWorld struct {
	Name    string   `json:"name"`
	Imports []string `json:"imports,omitempty"`
	Exports []string `json:"exports,omitempty"`
}

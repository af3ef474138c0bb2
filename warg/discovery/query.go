package discovery

// Query asks for packages: one release of each, the newest that fits, unless Versions says
// otherwise. All that is set has to hold.
type Query struct {
	// Search is looked for in names, descriptions, authors and interfaces, ranked; a word
	// may have a typing error.
	Search    string
	Namespace string
	Package   string // namespace:name
	// Imports and Exports are interfaces with an optional requirement of a semantic
	// version: "wasi:http/incoming-handler@^0.2". All of them have to be there.
	Imports []string
	Exports []string
	License string // an SPDX identifier in the expression
	Kind    string // KindModule, KindComponent or KindWIT
	Digest  string // of the content
	// Signatures are key ids of which one signed the release.
	Signatures []string
	// Versions is "latest" (the default), "all", or a requirement of a semantic version, of
	// which all that fit are given.
	Versions   string
	PreRelease bool // pre-releases, too
	Yanked     bool // yanked ones, too
	Withheld   bool // withheld ones, too
	Sort       string
	Page       string // Next of the page before
	Limit      int    // 1 to MaxLimit; 0: DefaultLimit
}

// Orders of an answer.
const (
	SortRank    = "rank"    // best match first; the default with Search
	SortName    = "name"    // the default without
	SortNewest  = "newest"  // by the position of the release in the log, last first
	SortVersion = "version" // of one package, or with versions: by name, newest version first
)

// Bounds of a query.
const (
	DefaultLimit = 20
	MaxLimit     = 100
	MaxSearch    = 200 // bytes
)

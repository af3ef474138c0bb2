package discovery

// Query asks for packages: one release of each, the newest that fits, unless Versions says
// otherwise. All that is set has to hold.
type Query struct {
	// Search is looked for in names, descriptions, authors and interfaces, ranked; a word
	// may be the beginning of one, or have a typing error.
	Search    string
	Namespace string
	Package   string // namespace:name
	// Imports and Exports are interfaces with an optional requirement of a semantic
	// version: "wasi:http/incoming-handler@^0.2". All of them have to be there.
	Imports []string
	Exports []string
	License string // an SPDX identifier in the expression
	Kind    string // KindModule, KindComponent or KindWIT
	// Digest is that of the content. Unless Versions is set, all releases with it are given,
	// whatever became of them.
	Digest string
	// Signatures are key ids of which one signed the release.
	Signatures []string
	// Versions is "latest" (the default), "all", or a requirement of a semantic version, of
	// which all that fit are given. A search finds packages by their latest releases,
	// whichever are given.
	Versions   string
	PreRelease bool // pre-releases, too; as the latest they count anyway where there is nothing else
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

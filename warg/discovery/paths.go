package discovery

import (
	"net/url"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Paths, relative to the registry's URL.
const (
	PackagesPath   = "v1/discovery/packages"     // GET with a query: [Query]; [Page]
	InterfacesPath = "v1/discovery/interfaces"   // GET with name: [Interface]
	KeysPath       = "v1/discovery/keys"         // see [KeyPath]
	FacetsPath     = "v1/discovery/facets"       // GET with a query: [Facets]
	StatusPath     = "v1/discovery/status"       // GET: [Status]
	AtomPath       = "v1/discovery/feed.atom"    // GET with namespace, package or interface
	JSONFeedPath   = "v1/discovery/feed.json"    // the same
	OpenAPIPath    = "v1/discovery/openapi.json" // GET: the OpenAPI document of all of these
)

// PackagePath is where a [Package] is. The name is "namespace:name".
func PackagePath(name string) string { return PackagesPath + "/" + url.PathEscape(name) }

// DependentsPath is where a [Page] of those is that use a package.
func DependentsPath(name string) string { return PackagePath(name) + "/dependents" }

// LogPath is where a [Log] of a package is.
func LogPath(name string) string { return PackagePath(name) + "/log" }

// ReleasePath is where a [Release] is.
func ReleasePath(name, version string) string {
	return PackagePath(name) + "/" + url.PathEscape(version)
}

// WITPath is where the [WIT] of a release is.
func WITPath(name, version string) string { return ReleasePath(name, version) + "/wit" }

// SBOMPath is where a CycloneDX document of what a release was built from is.
func SBOMPath(name, version string) string { return ReleasePath(name, version) + "/sbom" }

// KeyPath is where a [Key] is.
func KeyPath(id protocol.KeyID) string { return KeysPath + "/" + url.PathEscape(string(id)) }

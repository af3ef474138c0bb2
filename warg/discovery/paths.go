package discovery

import "net/url"

// Paths, relative to the registry's URL.
const (
	PackagesPath   = "v1/discovery/packages"     // GET with a query: [Query]; [Page]
	InterfacesPath = "v1/discovery/interfaces"   // GET with name: [Interface]
	FacetsPath     = "v1/discovery/facets"       // GET with a query: [Facets]
	StatusPath     = "v1/discovery/status"       // GET: [Status]
	AtomPath       = "v1/discovery/feed.atom"    // GET with namespace, package or interface
	JSONFeedPath   = "v1/discovery/feed.json"    // the same
	OpenAPIPath    = "v1/discovery/openapi.json" // GET: the OpenAPI document of all of these
)

// PackagePath is where a [Package] is. The name is "namespace:name".
func PackagePath(name string) string { return PackagesPath + "/" + url.PathEscape(name) }

// ReleasePath is where a [Release] is; below it are "/wit" ([WIT]) and "/sbom" (CycloneDX).
func ReleasePath(name, version string) string {
	return PackagePath(name) + "/" + url.PathEscape(version)
}

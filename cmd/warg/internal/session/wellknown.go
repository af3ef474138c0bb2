package session

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
)

// wellKnownPath is where a domain says which registries it has.
const wellKnownPath = ".well-known/wasm-pkg/registry.json"

// maxWellKnown is the size in bytes of the largest such document that is read.
const maxWellKnown = 64 << 10

// wellKnown is what matters of the document. Of the two members either may be there; the
// official client knows wargUrl alone.
type wellKnown struct {
	WargURL string `json:"wargUrl"`
	Warg    struct {
		URL string `json:"url"`
	} `json:"warg"`
}

// findAPI returns the URL of the API that a domain names, or else that of the domain
// itself. Nothing is believed of it: the domain may as well answer by itself. What does
// not parse, or does not come in time, is passed over, as by other clients.
func findAPI(ctx context.Context, c *http.Client, registry string, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, registry+wellKnownPath, nil)
	if err != nil {
		return registry
	}
	request.Header.Set("User-Agent", UserAgent)
	response, err := c.Do(request)
	if err != nil {
		return registry // the request that follows says what is wrong
	}
	defer response.Body.Close()
	var document wellKnown
	if response.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(response.Body, maxWellKnown)).Decode(&document) != nil {
		return registry
	}
	for _, named := range []string{document.WargURL, document.Warg.URL} {
		url, err := home.ParseURL(named)
		// A domain with TLS does not lead to a place without.
		if named != "" && err == nil && (strings.HasPrefix(url, "https://") || strings.HasPrefix(registry, "http://")) {
			return url
		}
	}
	return registry
}

package web

import (
	"net/http"
)

// The page that verifies a package in the browser holds nothing of the registry, so that
// it is there for all: its script asks the API, with a token of its own where one is needed.

const verifyPath = "/verify"

func (s *Site) verify(*http.Request, *visit) (page, error) {
	return page{template: "verifying", title: "Verify in this browser", data: s.prefix + "/"}, nil
}

// verifyURL leads to that page, for a release.
func (s *Site) verifyURL(name, version string) string {
	return s.to(verifyPath, "package", name, "version", version)
}

package discovery

import (
	"strings"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
)

// spelledLicense is an identifier of a licence as the list of SPDX spells it; one that is
// not on it stays as it is, but for the prefixes of SPDX. Whoever compares identifiers
// takes them in lower case (SPDX 3.0, annex B), see licenseIDs.
func spelledLicense(id string) string {
	for _, list := range []func(string) (bool, string){spdxlicenses.IsActiveLicense, spdxlicenses.IsDeprecatedLicense, spdxlicenses.IsException} {
		if found, spelled := list(id); found {
			return spelled
		}
	}
	if document, license, ok := strings.Cut(id, ":"); ok && strings.HasPrefix(document, "documentref-") {
		return "DocumentRef-" + strings.TrimPrefix(document, "documentref-") + ":" + spelledLicense(license)
	}
	if own, ok := strings.CutPrefix(id, "licenseref-"); ok {
		return "LicenseRef-" + own
	}
	return id
}

// spelled is the name of a tag for people.
func spelled(kind tagKind, name string) string {
	if kind == tagLicense {
		return spelledLicense(name)
	}
	return name
}

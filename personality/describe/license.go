package describe

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp"

	"github.com/warg-trillian/warg-trillian/personality/content"
)

// maxLicense is how long a licence expression may be, in bytes.
const maxLicense = 4 << 10

// ValidLicense is whether the text is a licence expression of SPDX 2 (annex D), with
// identifiers of its list of licences, or LicenseRef ones, in any case.
func ValidLicense(expression string) bool {
	if len(expression) > maxLicense {
		return false
	}
	valid, _ := spdxexp.ValidateLicenses([]string{expression})
	return valid
}

// RequireLicense is a check of contents that also refuses, with a
// [*content.RejectedError], those that are valid WebAssembly but do not name their licence.
func (d *Describer) RequireLicense() content.Check {
	return func(ctx context.Context, f io.ReaderAt, size int64) error {
		i, err := d.sandbox.Inspect(ctx, f, size, false)
		if err != nil {
			return err
		}
		description, err := described(size, i, nil)
		if err != nil {
			return err
		}
		return requireLicense(description.Metadata.Licenses, description.Problems)
	}
}

// addLicense says how to comply. wasm-tools writes what it reads back.
const addLicense = "name its licence as an SPDX expression before you release it, as in: wasm-tools metadata add --licenses \"Apache-2.0 OR MIT\" -o licensed.wasm original.wasm"

func requireLicense(license string, problems []string) error {
	if ValidLicense(license) {
		return nil
	}
	reason := "content does not name its licence, which this registry requires"
	switch {
	case license != "":
		reason = fmt.Sprintf("content names its licence as %.200q, which is not an SPDX expression, and this registry requires one", license)
	case len(problems) > 0:
		reason += " (" + strings.Join(problems, "; ") + ")"
	}
	return &content.RejectedError{Reason: reason + "; " + addLicense}
}

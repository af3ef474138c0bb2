package discoveryapi

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// sbomType is the media type of CycloneDX 1.6 (ECMA-424) in JSON.
const sbomType = "application/vnd.cyclonedx+json; version=1.6"

// sbom answers with what a release was built from, as its section .dep-v0 says.
func (a *API) sbom(r *http.Request, _ string) (Answer, error) {
	if _, err := only(r); err != nil {
		return Answer{}, err
	}
	release, err := a.index.Release(r.Context(), r.PathValue("name"), r.PathValue("version"))
	if err != nil {
		return Answer{}, err
	}
	if release.Content == nil || len(release.Content.Dependencies.Items) == 0 {
		return Answer{}, &Problem{http.StatusNotFound, "the content does not say what it was built from: it has no section .dep-v0, which cargo auditable writes"}
	}
	var body bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&body, cyclonedx.BOMFileFormatJSON).EncodeVersion(makeSBOM(release), cyclonedx.SpecVersion1_6); err != nil {
		return Answer{}, fmt.Errorf("encode the SBOM of %s %s: %w", release.Name, release.Version, err)
	}
	return Answer{ContentType: sbomType, Body: body.Bytes()}, nil
}

// makeSBOM makes the document. It has no time and no random number: the same content has
// the same document.
func makeSBOM(release discovery.Release) *cyclonedx.BOM {
	items := release.Content.Dependencies.Items
	bom := cyclonedx.NewBOM()
	digest := release.Digest
	bom.SerialNumber = uuidOf(digest[:16])
	top := &cyclonedx.Component{
		BOMRef: "release", Type: cyclonedx.ComponentTypeApplication, Name: release.Name, Version: release.Version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: strings.TrimPrefix(digest.String(), "sha256:")}},
	}
	bom.Metadata = &cyclonedx.Metadata{Component: top}
	components := make([]cyclonedx.Component, len(items))
	dependencies := []cyclonedx.Dependency{{Ref: top.BOMRef}}
	var roots []string
	for i, d := range items {
		components[i] = component(i, d)
		var on []string
		for _, j := range d.Dependencies {
			if j >= 0 && j < int64(len(items)) && j != int64(i) {
				on = append(on, ref(int(j)))
			}
		}
		dependencies = append(dependencies, cyclonedx.Dependency{Ref: ref(i), Dependencies: unique(on)})
		if d.Root {
			roots = append(roots, ref(i))
		}
	}
	dependencies[0].Dependencies = unique(roots)
	bom.Components, bom.Dependencies = &components, &dependencies
	aggregate := cyclonedx.CompositionAggregateUnknown // what was linked in from elsewhere is not in the section
	if release.Content.Dependencies.Total > int64(len(items)) {
		aggregate = cyclonedx.CompositionAggregateIncomplete
	}
	bom.Compositions = &[]cyclonedx.Composition{{Aggregate: aggregate, Assemblies: &[]cyclonedx.BOMReference{cyclonedx.BOMReference(top.BOMRef)}}}
	return bom
}

func ref(i int) string { return fmt.Sprintf("dependency-%d", i) }

func component(i int, d discovery.Dependency) cyclonedx.Component {
	c := cyclonedx.Component{BOMRef: ref(i), Type: cyclonedx.ComponentTypeLibrary, Name: d.Name, Version: d.Version, Scope: cyclonedx.ScopeRequired}
	if d.Kind == "build" {
		c.Scope = cyclonedx.ScopeExcluded // it made the program and is not in it
	}
	// Source: https://github.com/package-url/purl-spec, type cargo, whose default is crates.io.
	if d.Source == "crates.io" {
		c.PackageURL = "pkg:cargo/" + purl(d.Name) + "@" + purl(d.Version)
	}
	if d.Source != "" {
		c.Properties = &[]cyclonedx.Property{{Name: "cargo-auditable:source", Value: d.Source}}
	}
	return c
}

func unique(refs []string) *[]string {
	if len(refs) == 0 {
		return nil
	}
	seen := map[string]bool{}
	var all []string
	for _, r := range refs {
		if !seen[r] {
			seen[r] = true
			all = append(all, r)
		}
	}
	return &all
}

// uuidOf makes a UUID of 16 bytes (RFC 9562, version 8).
func uuidOf(b []byte) string {
	u := [16]byte(b)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// purl encodes a part of a package URL.
func purl(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

package ociimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Media types of what an image consists of.
const (
	ManifestType = "application/vnd.oci.image.manifest.v1+json"
	ConfigType   = "application/vnd.wasm.config.v0+json"
	LayerType    = "application/wasm"
)

// Annotations of the manifest. The first two are those of the OCI image specification.
const (
	AnnotationVersion = "org.opencontainers.image.version"
	AnnotationTitle   = "org.opencontainers.image.title" // of the layer: a name for the file
	// AnnotationRecord has the id of the record that releases the content, "sha256:<hex>".
	AnnotationRecord = "io.github.warg-trillian.record"
	// AnnotationIndex has the index of that record in the registry's records log, in decimal.
	AnnotationIndex = "io.github.warg-trillian.registry-index"
	// AnnotationProof has the URL of the release's .tlog-proof (see package recordproof),
	// relative to the root of the registry: what a registry is called from where it is asked
	// must not change its digests.
	AnnotationProof = "io.github.warg-trillian.tlog-proof"
)

// Values of the config's member "os" (crate oci-wasm).
const (
	moduleOS    = "wasip1"
	componentOS = "wasip2"
)

// Release is what an image is made of.
type Release struct {
	Name     protocol.PackageName
	Version  string // a semantic version
	Record   protocol.Hash
	Index    uint64        // of the record in the records log
	Time     protocol.Time // of the record
	Content  protocol.Hash // digest
	Size     int64         // of the content, in bytes
	Contents Contents      // see [Describe]
}

// Image is a release as the OCI distribution protocol shows it.
type Image struct {
	Manifest, Config             []byte        // JSON
	ManifestDigest, ConfigDigest protocol.Hash // SHA-256 of these
}

type config struct {
	Created      string           `json:"created"`
	Architecture string           `json:"architecture"`
	OS           string           `json:"os"`
	LayerDigests []string         `json:"layerDigests"`
	Component    *configComponent `json:"component,omitempty"`
}

type configComponent struct {
	Exports []string `json:"exports"`
	Imports []string `json:"imports"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// New returns the image of a release.
func New(r Release) Image {
	var image Image
	c := config{Created: created(r.Time), Architecture: "wasm", OS: moduleOS, LayerDigests: []string{r.Content.String()}}
	if r.Contents.Component {
		c.OS = componentOS
	}
	if r.Contents.Component && !r.Contents.Unknown { // no names is another thing than none known
		c.Component = &configComponent{Exports: array(r.Contents.Exports), Imports: array(r.Contents.Imports)}
	}
	image.Config = encode(c)
	image.ConfigDigest = sha256.Sum256(image.Config)
	image.Manifest = encode(manifest{
		SchemaVersion: 2,
		MediaType:     ManifestType,
		Config:        descriptor{MediaType: ConfigType, Digest: image.ConfigDigest.String(), Size: int64(len(image.Config))},
		Layers: []descriptor{{
			MediaType: LayerType, Digest: r.Content.String(), Size: r.Size,
			Annotations: map[string]string{AnnotationTitle: r.Name.Name() + ".wasm"},
		}},
		Annotations: map[string]string{
			AnnotationVersion: r.Version,
			AnnotationRecord:  r.Record.String(),
			AnnotationIndex:   strconv.FormatUint(r.Index, 10),
			AnnotationProof:   ProofPath(r.Name, r.Version),
		},
	})
	image.ManifestDigest = sha256.Sum256(image.Manifest)
	return image
}

// ProofPath returns where a registry serves the .tlog-proof of a release; it begins with
// a slash.
func ProofPath(name protocol.PackageName, version string) string {
	return fmt.Sprintf("/tlog/records/proof/%s/%s/%s", name.Namespace(), name.Name(), version)
}

// The times that RFC 3339 has a form for.
var (
	firstTime = protocol.TimeOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	lastTime  = protocol.TimeOf(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC))
)

// created returns a time as RFC 3339 writes it, in UTC. A record may claim any time; one
// that has no such form is the first or last that has.
func created(t protocol.Time) string {
	switch {
	case t.Compare(firstTime) < 0:
		t = firstTime
	case t.Compare(lastTime) > 0:
		t = lastTime
	}
	return t.Std().Format(time.RFC3339Nano)
}

// array makes an empty array of nil, where JSON would have null.
func array(names []string) []string { return append([]string{}, names...) }

// encode encodes a value whose encoding can not fail. The members of maps are sorted.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("ociimage: encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

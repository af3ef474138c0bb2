package oci

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ProofType is the type of the artifact that has the .tlog-proof of a release (see package
// recordproof), and the media type of its only layer.
const ProofType = "application/vnd.warg-trillian.tlog-proof"

const (
	// proofAge is how long a proof is listed without asking for what is listed. It stays the
	// same but for one thing: that of a cosigned note comes in its place.
	proofAge = 5 * time.Second
	// keptProofs bounds the proofs that are kept in memory, in bytes. They are fetched by
	// digest right after they were listed.
	keptProofs = 8 << 20
	// largestProof bounds one of them. A larger one is not listed: it is at the URL that the
	// annotation of the image has.
	largestProof = keptProofs / 8
)

// artifact is the proof of a release as the protocol shows it. It is never changed.
type artifact struct {
	of             protocol.PackageName
	version        string
	proof          []byte
	manifest       []byte // JSON
	proofDigest    protocol.Hash
	manifestDigest protocol.Hash
	made           time.Time
}

// empty is the config of artifacts (OCI image specification, "Guidance for an Empty
// Descriptor").
var empty = ocispec.DescriptorEmptyJSON

// newArtifact makes the artifact of the proof of a release with the image of that digest
// and size.
func newArtifact(name protocol.PackageName, version string, proof []byte, image ociimage.Image, made time.Time) (*artifact, error) {
	a := &artifact{of: name, version: version, proof: proof, proofDigest: sha256.Sum256(proof), made: made}
	var err error
	a.manifest, err = json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ProofType,
		Config: ocispec.Descriptor{MediaType: empty.MediaType, Digest: empty.Digest, Size: empty.Size},
		Layers: []ocispec.Descriptor{{
			MediaType: ProofType, Digest: ociregistry.Digest(a.proofDigest.String()), Size: int64(len(proof)),
			Annotations: map[string]string{ocispec.AnnotationTitle: fmt.Sprintf("%s-%s.tlog-proof", name.Name(), version)},
		}},
		Subject: &ocispec.Descriptor{
			MediaType: ociimage.ManifestType, Digest: ociregistry.Digest(image.ManifestDigest.String()), Size: int64(len(image.Manifest)),
		},
	})
	a.manifestDigest = sha256.Sum256(a.manifest)
	return a, err
}

// equals tells whether two are the same but for when they were made.
func (a *artifact) equals(b *artifact) bool {
	return a.of == b.of && a.manifestDigest == b.manifestDigest
}

func (a *artifact) bytes() int { return len(a.proof) + len(a.manifest) }

// descriptor is the entry of the list of referrers.
func (a *artifact) descriptor() ociregistry.Descriptor {
	return ociregistry.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ProofType,
		Digest: ociregistry.Digest(a.manifestDigest.String()), Size: int64(len(a.manifest)),
	}
}

// proof returns the proof of the release at a place as an artifact; nil if there is none
// yet, for no tree head that covers the release is signed and cosigned, or it is too large.
// What is returned was stored as listed, so that every process finds it by its digests.
func (g *Registry) proof(ctx context.Context, p *releases, i int) (*artifact, error) {
	r := p.all[i]
	if a, ok := g.proofs.newest(p.name, r.version); ok {
		return a, nil
	}
	listed, err := g.reader.ProofToList(ctx, p.name, r.version, r.index)
	if err != nil {
		return nil, unlessNone(err)
	}
	a, err := g.artifact(ctx, p, i, listed)
	if err != nil || len(a.proof) > largestProof {
		return nil, unlessNone(err)
	}
	if listed.Manifest == (protocol.Hash{}) {
		listed.Manifest, listed.Proof = a.manifestDigest, a.proofDigest
		if listed, err = g.reader.ListProof(ctx, p.name, listed); err != nil {
			return nil, err
		}
	}
	if listed.Manifest != a.manifestDigest { // another process was first, with another note
		if a, err = g.artifact(ctx, p, i, listed); err != nil {
			return nil, err
		}
	}
	if err := a.is(listed); err != nil {
		return nil, err
	}
	g.proofs.keep(a)
	return a, nil
}

// unlessNone returns nil for errors that say that a release has no proof, or none yet, that
// can be listed.
func unlessNone(err error) error {
	_, noNote := errors.AsType[*registry.NoNoteError](err)
	_, notYet := errors.AsType[*registry.ReleaseNotFoundError](err)
	_, tooLarge := errors.AsType[*registry.TooLargeError](err)
	if noNote || notYet || tooLarge {
		return nil
	}
	return err
}

// artifact makes the artifact of the release at a place of what was listed, or is to be.
func (g *Registry) artifact(ctx context.Context, p *releases, i int, listed reader.ListedProof) (*artifact, error) {
	image, err := g.image(ctx, p, i)
	if err != nil {
		return nil, err
	}
	proof, err := g.reader.RecordProofOf(ctx, p.name, listed.Version, listed.Note)
	if err != nil {
		return nil, err
	}
	return newArtifact(p.name, listed.Version, proof, image, g.proofs.now())
}

// is demands that an artifact is the one that was listed: nobody may get other bytes under a
// digest than were promised.
func (a *artifact) is(listed reader.ListedProof) error {
	if a.manifestDigest != listed.Manifest || a.proofDigest != listed.Proof {
		return fmt.Errorf("the proof of %s %s was listed with the manifest %s and is made again with %s: the registry's database is damaged, or the form of proofs has changed",
			a.of, a.version, listed.Manifest, a.manifestDigest)
	}
	return nil
}

// listed returns the artifact of a package that was listed, by whatever process, and whose
// manifest or file has a digest; nil if none has.
func (g *Registry) listed(ctx context.Context, p *releases, digest protocol.Hash) (*artifact, error) {
	if a, ok := g.proofs.get(p.name, digest); ok {
		return a, nil
	}
	listed, ok, err := g.reader.ListedProof(ctx, p.name, digest)
	if err != nil || !ok {
		return nil, err
	}
	i, ok := p.byVersion[listed.Version]
	if !ok { // published since p was read, by the checkpoint that another process has seen
		return nil, nil
	}
	a, err := g.artifact(ctx, p, i, listed)
	if err == nil {
		err = a.is(listed)
	}
	if err != nil {
		return nil, err
	}
	a.made = time.Time{} // to be found by its digests, and not to be listed
	g.proofs.keep(a)
	return a, nil
}

// proofs keeps what was listed last. Safe for concurrent use.
type proofs struct {
	now func() time.Time

	mu   sync.Mutex
	kept []*artifact // guarded by mu; the oldest first
	size int         // guarded by mu; bytes
}

func newProofs(now func() time.Time) *proofs { return &proofs{now: now} }

// newest returns the newest proof of a release, unless it is too old.
func (s *proofs) newest(name protocol.PackageName, version string) (*artifact, bool) {
	since := s.now().Add(-proofAge)
	return s.last(func(a *artifact) bool { return a.version == version && a.of == name && !a.made.Before(since) })
}

// get returns the proof of a package whose manifest or file has a digest.
func (s *proofs) get(name protocol.PackageName, digest protocol.Hash) (*artifact, bool) {
	return s.last(func(a *artifact) bool {
		return a.of == name && (a.manifestDigest == digest || a.proofDigest == digest)
	})
}

func (s *proofs) last(is func(*artifact) bool) (*artifact, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.kept) - 1; i >= 0; i-- {
		if is(s.kept[i]) {
			return s.kept[i], true
		}
	}
	return nil, false
}

func (s *proofs) keep(a *artifact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.kept, a.equals); i >= 0 {
		s.size -= s.kept[i].bytes()
		s.kept = slices.Delete(s.kept, i, i+1)
	}
	s.kept = append(s.kept, a)
	s.size += a.bytes()
	for s.size > keptProofs {
		s.size -= s.kept[0].bytes()
		s.kept = slices.Delete(s.kept, 0, 1)
	}
}

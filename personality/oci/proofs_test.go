package oci_test

import (
	"encoding/json"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
)

// referrers returns what refers to an image.
func (s *shown) referrers(path string) ocispec.Index {
	s.T.Helper()
	var index ocispec.Index
	s.Must(json.Unmarshal([]byte(s.body(path)), &index))
	return index
}

// The proof of a release can be had as an OCI client gets what refers to an image, and
// verifies without the registry.
func TestProofOfRelease(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	publish(a, [2]string{"1.0.0", "first"}, [2]string{"1.1.0", "second"})
	image := protocol.HashOf([]byte(s.body("example/hello/manifests/1.0.0"))).String()
	path := "example/hello/referrers/" + image
	s.Eventually("there is a proof", func() bool { return len(s.referrers(path).Manifests) == 1 })
	listed := s.referrers(path).Manifests[0]
	equal(t, "type", listed.ArtifactType, oci.ProofType)

	verify := func() {
		t.Helper()
		text := s.body("example/hello/manifests/" + listed.Digest.String())
		equal(t, "digest of the artifact", protocol.HashOf([]byte(text)).String(), listed.Digest.String())
		equal(t, "its size", int64(len(text)), listed.Size)
		var artifact ocispec.Manifest
		s.Must(json.Unmarshal([]byte(text), &artifact))
		equal(t, "subject", artifact.Subject.Digest.String(), image)
		equal(t, "type of the artifact", artifact.ArtifactType, oci.ProofType)
		equal(t, "file", artifact.Layers[0].Annotations[ocispec.AnnotationTitle], "hello-1.0.0.tlog-proof")
		config, problem := s.blob("example/hello", artifact.Config.Digest.String())
		equal(t, "config", string(config.Body)+problem, "{}")
		proof, problem := s.blob("example/hello", artifact.Layers[0].Digest.String())
		equal(t, "problem", problem, "")
		equal(t, "media type", proof.MediaType, artifact.Layers[0].MediaType)
		key, err := note.NewVerifier(s.NoteKeys[0].VKeys()[0])
		s.Must(err)
		_, err = recordproof.Verify(proof.Body, protocol.HashOf([]byte("first")),
			recordproof.Options{Logs: []note.Verifier{key}, Name: a.Name, Version: "1.0.0"})
		s.Must(err)
	}
	verify()

	// It is answered again for a while, also when the log has grown; and is there when
	// another one is listed.
	publish(a, [2]string{"1.2.0", "third"})
	equal(t, "the same for a while", s.referrers(path).Manifests[0].Digest, listed.Digest)
	s.Eventually("there is a newer proof", func() bool {
		s.now = s.now.Add(time.Hour)
		return s.referrers(path).Manifests[0].Digest != listed.Digest
	})
	verify()

	equal(t, "of its type", len(s.referrers(path+"?artifactType="+oci.ProofType).Manifests), 1)
	equal(t, "of another type", s.body(path+"?artifactType=a/b"), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	equal(t, "of what is no image", len(s.referrers("example/hello/referrers/"+protocol.HashOf(nil).String()).Manifests), 0)
	_, problem := s.blob("example/other", listed.Digest.String())
	equal(t, "in another repository", problem, "NAME_UNKNOWN this registry has no package for the repository example/other")
}

package oci_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
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

	// It stays what it is when the log has grown, there are other notes, and other processes
	// are asked, which have not listed it.
	note := s.note()
	publish(a, [2]string{"1.2.0", "third"})
	s.Eventually("there is another note", func() bool { return s.note() != note })
	for _, renew := range []func(){func() {}, s.renew, func() { s.Stop(); s.Reopen(); s.renew(); s.Start() }} {
		renew()
		verify()
		s.now = s.now.Add(time.Hour)
		equal(t, "what is listed", s.referrers(path).Manifests[0].Digest, listed.Digest)
		verify()
	}

	equal(t, "of its type", len(s.referrers(path+"?artifactType="+oci.ProofType).Manifests), 1)
	equal(t, "of another type", s.body(path+"?artifactType=a/b"), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	equal(t, "of what is no image", len(s.referrers("example/hello/referrers/"+protocol.HashOf(nil).String()).Manifests), 0)
	_, problem := s.blob("example/other", listed.Digest.String())
	equal(t, "in another repository", problem, "NAME_UNKNOWN this registry has no package for the repository example/other")
}

// note returns the newest note of the records log.
func (s *shown) note() string {
	s.T.Helper()
	note, err := s.LogNote(context.Background(), tlog.Records)
	s.Must(err)
	return string(note)
}

// Two processes that list the proof of a release at the same time, with different notes,
// list the same; and that of a note that is cosigned comes in its place, while the first
// can be had.
func TestProofsOfTwoProcesses(t *testing.T) {
	s := show(t)
	s.Start()
	a := s.Author("example:hello")
	publish(a, [2]string{"1.0.0", "first"})
	s.Eventually("there is a note that covers it", func() bool {
		note, err := s.LogNote(context.Background(), tlog.Records)
		if err != nil {
			return false
		}
		head, err := tlog.HeadOf(note)
		checkpoint, err2 := s.LatestCheckpoint(context.Background())
		return err == nil && err2 == nil && head.Size == checkpoint.Contents.LogLength
	})
	image := protocol.HashOf([]byte(s.body("example/hello/manifests/1.0.0"))).String()
	path := "/v2/example/hello/referrers/" + image

	slow := &slowReader{Reader: s.Setup.Registry, asked: make(chan struct{}), proceed: make(chan struct{})}
	answer := make(chan string)
	go func() {
		found, err := oci.New(slow, oci.Options{}).Answer(httptest.NewRequest("GET", path, nil))
		answer <- fmt.Sprint(string(found.Body), err)
	}()
	select {
	case <-slow.asked: // it has taken the note that is now
	case found := <-answer:
		t.Fatalf("nothing was to be listed: %s", found)
	}
	note := s.note()
	publish(a, [2]string{"1.1.0", "second"})
	s.Eventually("there is another note", func() bool { return s.note() != note })
	first := s.body(strings.TrimPrefix(path, "/v2/"))
	close(slow.proceed)
	equal(t, "listed by the other", <-answer, first+"<nil>")
	if !strings.Contains(first, `"digest"`) {
		t.Fatalf("nothing is listed: %s", first)
	}

	s.Must(s.Options.Store.Update(context.Background(), func(tx *store.Tx) error {
		signed, err := tx.SignedNote(tlog.Records)
		signed.Text = append(signed.Text, witnesstest.NewKey("witness.example").Cosign(t, signed.Text, 1000)...)
		return errors.Join(err, tx.PutCosignedNote(tlog.Records, signed))
	}))
	s.now = s.now.Add(time.Hour)
	second := s.referrers(strings.TrimPrefix(path, "/v2/"))
	var before ocispec.Index
	s.Must(json.Unmarshal([]byte(first), &before))
	if second.Manifests[0].Digest == before.Manifests[0].Digest {
		t.Error("the cosigned note is not shown")
	}
	s.renew()
	for _, digest := range []string{before.Manifests[0].Digest.String(), second.Manifests[0].Digest.String()} {
		equal(t, "by digest", protocol.HashOf([]byte(s.body("example/hello/manifests/"+digest))).String(), digest)
	}
}

// slowReader waits before it lists a proof.
type slowReader struct {
	oci.Reader
	asked, proceed chan struct{}
}

func (r *slowReader) ListProof(ctx context.Context, name protocol.PackageName, p reader.ListedProof) (reader.ListedProof, error) {
	close(r.asked)
	<-r.proceed
	return r.Reader.ListProof(ctx, name, p)
}

// unwritable is the reading part of a registry whose database takes no writes.
type unwritable struct{ oci.Reader }

func (unwritable) ListProof(context.Context, protocol.PackageName, reader.ListedProof) (reader.ListedProof, error) {
	return reader.ListedProof{}, &registry.UnavailableError{Part: registry.PartDatabase, Reason: "it is full"}
}

// A proof that cannot be stored is not listed; one that was listed before needs no write.
func TestProofsWithoutWrites(t *testing.T) {
	s := show(t)
	s.Start()
	publish(s.Author("example:hello"), [2]string{"1.0.0", "first"})
	path := "example/hello/referrers/" + protocol.HashOf([]byte(s.body("example/hello/manifests/1.0.0"))).String()
	unwritten := func() (oci.Answer, error) {
		g := oci.New(unwritable{s.Setup.Registry}, oci.Options{})
		return g.Answer(httptest.NewRequest("GET", "/v2/"+path, nil))
	}
	s.Eventually("there is a proof, which cannot be stored", func() bool {
		_, err := unwritten()
		_, unavailable := errors.AsType[*registry.UnavailableError](err)
		return unavailable
	})
	listed := s.body(path)
	again, err := unwritten()
	equal(t, "listed before", fmt.Sprint(string(again.Body), err), listed+"<nil>")
	if !strings.Contains(listed, `"digest"`) {
		t.Errorf("nothing is listed: %s", listed)
	}
}

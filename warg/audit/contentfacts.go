package audit

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// contentFacts: the content of a release is withheld, or is another.
type contentFacts struct {
	Head    claim        `json:"head"`
	Record  provenRecord `json:"record"` // has the release
	Version string       `json:"version"`
	Sources exchange     `json:"sources"` // where the content is said to be
	// Answers are those of these places; the bytes are left out where they are many,
	// and Digest is of them then.
	Answers []exchange `json:"answers,omitempty"`
	Digest  string     `json:"digest,omitempty"`
}

func (f *contentFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	_, envelope, err := f.Record.verify(head)
	if err != nil {
		return Finding{}, err
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return Finding{}, err
	}
	var want protocol.AnyHash
	for _, e := range record.Record.Entries {
		if e.Type == protocol.EntryRelease && e.Version == f.Version {
			want = e.Content
		}
	}
	finding := Finding{Log: f.Record.Name, Index: &f.Record.Index, Computed: string(want), Keys: head.Keys}
	digest, err := want.Hash()
	if err != nil {
		return Finding{}, notContradicting("the record does not release version %s with a digest", f.Version)
	}
	if f.Sources.Path != api.ContentSourcesPath(digest) && f.Sources.Path != contentFile(digest) {
		return Finding{}, notContradicting("another content was asked for")
	}
	what := fmt.Sprintf("the content of version %s of %s", f.Version, f.Record.Name)
	for _, a := range f.Answers {
		if !a.has() {
			continue
		}
		got := f.Digest
		if a.Answer != nil {
			got = protocol.HashOf(a.Answer).String()
		}
		if got == "" || got == digest.String() {
			return Finding{}, notContradicting("the content is given")
		}
		finding.Name, finding.Claimed = ContentAltered, got
		finding.Explanation = what + " does not have the digest that the release has"
		return finding, nil
	}
	finding.Name, finding.Claimed = ContentWithheld, fmt.Sprintf("status %d", f.Sources.Status)
	if n := len(f.Answers); n > 0 {
		finding.Claimed = fmt.Sprintf("status %d", f.Answers[n-1].Status)
		if f.Answers[n-1].Status == 0 {
			finding.Claimed = fmt.Sprintf("the link %.100q, which can not be followed", f.Answers[n-1].Path)
		}
	} else if f.Sources.has() {
		finding.Claimed = "no place where it is"
	}
	finding.Explanation = what + " is not given"
	return finding, nil
}

// withheld tells that no place gives bytes.
func (f *contentFacts) withheld() bool {
	for _, a := range f.Answers {
		if a.has() {
			return false
		}
	}
	return true
}

// contentFile is where a folder has a content.
func contentFile(digest protocol.Hash) string { return fmt.Sprintf("content/sha256-%x", digest[:]) }

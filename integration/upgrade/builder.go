package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// publishTimeout is how long a record may take to be published or rejected.
const publishTimeout = 30 * time.Second

// builder posts records to a server and remembers them.
type builder struct {
	url      string
	packages []*manifest.Package
	contents map[protocol.Hash][]byte
}

// pkg is a package under construction.
type pkg struct {
	*builder
	*manifest.Package
	owner, delegate protocol.PrivateKey
	head            protocol.AnyHash
}

// newPackage makes up a package, with no record yet.
func (b *builder) newPackage(name string) (*pkg, error) {
	parsed, err := protocol.ParsePackageName(manifest.Namespace + ":" + name)
	if err != nil {
		return nil, err
	}
	p := &pkg{builder: b}
	for _, key := range []*protocol.PrivateKey{&p.owner, &p.delegate} {
		if *key, err = protocol.GeneratePrivateKey(); err != nil {
			return nil, err
		}
	}
	p.Package = &manifest.Package{Name: parsed, Owner: p.owner.Text(), Delegate: p.delegate.Text()}
	b.packages = append(b.packages, p.Package)
	return p, nil
}

// content is a WebAssembly module of its own for each note.
func (b *builder) content(note string) protocol.PackageEntry {
	custom := append([]byte{4}, "note"+note...)
	module := append([]byte("\x00asm\x01\x00\x00\x00\x00"), byte(len(custom)))
	return b.raw(append(module, custom...))
}

// raw is a release of bytes, which need not be valid; the caller adds a version.
func (b *builder) raw(content []byte) protocol.PackageEntry {
	digest := protocol.HashOf(content)
	b.contents[digest] = content
	return protocol.PackageEntry{Type: protocol.EntryRelease, Content: digest.Any()}
}

func version(version string, release protocol.PackageEntry) protocol.PackageEntry {
	release.Version = version
	return release
}

func (p *pkg) initEntry() protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryInit, Key: p.owner.Public()}
}

func (p *pkg) grantEntry() protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: p.delegate.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionRelease}}
}

// post signs a record that follows the one before, and posts it.
func (p *pkg) post(ctx context.Context, key protocol.PrivateKey, entries ...protocol.PackageEntry) (*manifest.Record, error) {
	return p.postAt(ctx, time.Now(), key, entries...)
}

func (p *pkg) postAt(ctx context.Context, at time.Time, key protocol.PrivateKey, entries ...protocol.PackageEntry) (*manifest.Record, error) {
	record := protocol.PackageRecord{Prev: p.head, Time: protocol.TimeOf(at), Entries: entries}
	envelope := record.Sign(key)
	r := &manifest.Record{
		ID:   protocol.PackageRecordID(envelope.Content),
		Body: api.PublishRecordRequest{PackageName: p.Name, Record: envelope}.AppendJSON(nil),
	}
	if _, err := p.do(ctx, http.MethodPost, api.PublishRecordPath(p.Name.LogID()), r.Body, http.StatusAccepted); err != nil {
		return nil, err
	}
	p.head = r.ID.Any()
	p.Records = append(p.Records, r)
	return r, nil
}

// upload uploads a content of a record.
func (p *pkg) upload(ctx context.Context, r *manifest.Record, release protocol.PackageEntry, want int) error {
	digest, err := release.Content.Hash()
	if err != nil {
		return err
	}
	_, err = p.do(ctx, http.MethodPost, api.UploadContentPath(p.Name.LogID(), r.ID, digest), p.contents[digest], want)
	return err
}

// status asks what became of a record.
func (p *pkg) status(ctx context.Context, r *manifest.Record) (status api.PackageRecord, err error) {
	body, err := p.do(ctx, http.MethodGet, api.PackageRecordPath(p.Name.LogID(), r.ID), nil, http.StatusOK)
	if err != nil {
		return status, err
	}
	return status, status.UnmarshalJSON(body)
}

// await waits until a record is in a state.
func (p *pkg) await(ctx context.Context, r *manifest.Record, want api.RecordState) error {
	for deadline := time.Now().Add(publishTimeout); ; time.Sleep(5 * time.Millisecond) {
		status, err := p.status(ctx, r)
		switch {
		case err != nil:
			return err
		case status.State == want:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("record %s of %s is %s (%s), want it %s", r.ID, p.Name, status.State, status.Reason, want)
		}
	}
}

// do makes a request, whose answer must have the status want.
func (b *builder) do(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, b.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, answer)
	}
	return answer, err
}

// describe writes into the manifest what the server says of everything.
func (b *builder) describe(ctx context.Context, m *manifest.Manifest) error {
	body, err := b.do(ctx, http.MethodGet, api.FetchCheckpointPath, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &m.Checkpoint); err != nil {
		return err
	}
	size := int(m.Checkpoint.Contents.LogLength) * api.PackedRecordSize
	if m.Leaves, err = b.do(ctx, http.MethodGet, api.LedgerRecordsPath(0), nil, http.StatusOK); err != nil {
		return err
	}
	if len(m.Leaves) != size {
		return fmt.Errorf("the ledger's first page has %d bytes, want all %d of the checkpoint's leaves", len(m.Leaves), size)
	}
	m.Packages = b.packages
	for _, one := range m.Packages {
		p := &pkg{builder: b, Package: one}
		for _, r := range p.Records {
			status, err := p.status(ctx, r)
			if err != nil {
				return err
			}
			if r.InFlight && status.State != api.StateProcessing {
				return fmt.Errorf("record %s of %s is %s, want it under way", r.ID, p.Name, status.State)
			}
			r.State, r.RegistryIndex, r.Reason = status.State, status.RegistryIndex, status.Reason
			for _, missing := range status.MissingContent {
				digest, err := missing.Hash.Hash()
				if err != nil {
					return err
				}
				r.Missing = append(r.Missing, digest)
			}
		}
	}
	return nil
}

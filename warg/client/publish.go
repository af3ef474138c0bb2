package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Pauses between questions about a record that is not published yet. Registries
// may hold their answers back until there is news.
const (
	firstPoll = 50 * time.Millisecond
	lastPoll  = time.Second
)

// Publish has a key sign a record with these entries on the head of a package's log,
// posts it, uploads the contents that the registry lacks, and waits until the
// record is published and proved to be in the log. It returns the package then.
//
// A record that was accepted stays so if Publish fails or ctx ends later. To
// publish several records without waiting for each, or to go on after a
// failure, use [Client.Draft], [Draft.Sign], [Client.Post] and [Client.Wait],
// which Publish is made of and whose errors it has.
func (c *Client) Publish(ctx context.Context, name protocol.PackageName, key protocol.Signer, contents []Content, entries ...protocol.PackageEntry) (*Package, error) {
	draft, err := c.Draft(ctx, name)
	if err != nil {
		return nil, err
	}
	record, err := draft.Sign(key, entries...)
	if err != nil {
		return nil, err
	}
	if err := c.Post(ctx, record, contents...); err != nil {
		return nil, err
	}
	return c.Wait(ctx, record)
}

// Post posts a record and uploads those of the contents that the registry lacks.
// On return without error the registry has accepted the record and has its
// contents. A record may be posted again, for example to upload what was missing.
//
// Contents with [Content.Sources] the registry is asked to fetch, and Post waits until it
// has, or could not: then they are uploaded, if they can be.
//
// Errors: [*ConflictError] and [*RejectedError]; [*MissingContentError] if the
// registry lacks content that is not given; [*ImportedNamespaceError];
// [*APIError] with an [*api.PackageError] for all else that the registry says.
func (c *Client) Post(ctx context.Context, record *Record, contents ...Content) error {
	var status api.PackageRecord
	request := api.PublishRecordRequest{PackageName: record.Name, Record: record.Envelope, ContentSources: sourcesOf(contents)}
	err := c.post(ctx, api.PublishRecordPath(record.Name.LogID()), request, &status, packageError)
	if err != nil {
		return c.explainRefusal(ctx, record, err)
	}
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		switch {
		case status.RecordID != record.ID.Any():
			return c.unproven(ClaimRecord, fmt.Errorf("the registry took record %s for record %s", record.ID, status.RecordID))
		case status.State == api.StateRejected:
			return c.explainRejection(ctx, record, status.Reason, nil)
		case status.State != api.StateProcessing || len(request.ContentSources) == 0:
			return c.uploadMissing(ctx, record, status, contents)
		}
		// It is fetched, or published already.
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("the registry has not fetched the content of record %s of %s yet: %w", record.ID, record.Name, err)
		}
		if err := c.get(ctx, api.PackageRecordPath(record.Name.LogID(), record.ID), &status, packageError); err != nil {
			return err
		}
	}
}

// sourcesOf are the sources of contents as a request has them; nil if there are none.
func sourcesOf(contents []Content) (all api.HashMap[[]api.ContentSource]) {
	for _, content := range contents {
		var sources []api.ContentSource
		for _, place := range content.Sources {
			sources = append(sources, api.ContentSource{URL: place})
		}
		if len(sources) > 0 {
			all = append(all, api.HashEntry[[]api.ContentSource]{Hash: content.Digest.Any(), Value: sources})
		}
	}
	return all
}

// Wait returns when a record is published and proved to be in its log, with the
// package as it is then. While content is missing it waits too: bound it with ctx.
//
// Errors: [*ConflictError], [*RejectedError].
func (c *Client) Wait(ctx context.Context, record *Record) (*Package, error) {
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		var status api.PackageRecord
		if err := c.get(ctx, api.PackageRecordPath(record.Name.LogID(), record.ID), &status, packageError); err != nil {
			return nil, err
		}
		switch {
		case status.RecordID != record.ID.Any():
			return nil, c.unproven(ClaimRecord, fmt.Errorf("the registry takes record %s for record %s", record.ID, status.RecordID))
		case status.State == api.StatePublished:
			return c.provePublished(ctx, record, status.RegistryIndex)
		case status.State == api.StateRejected:
			return nil, c.explainRejection(ctx, record, status.Reason, nil)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("record %s of %s is not published yet: %w", record.ID, record.Name, err)
		}
	}
}

// readOn reads the log of a record from where its draft began.
func (c *Client) readOn(ctx context.Context, record *Record) (*logView, *Package, error) {
	log, err := newPackageView(record.Name, record.base)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.viewPackage(ctx, log)
	return log, p, err
}

// provePublished demands that a record is in the log where the registry says. A
// checkpoint that is older than the record, such as one of a server that lags behind, says
// nothing of it: a newer one is waited for as long as [Options.MaxWait] says.
func (c *Client) provePublished(ctx context.Context, record *Record, index uint64) (*Package, error) {
	var waited time.Duration
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		p, behind, err := c.tryPublished(ctx, record, index)
		if waited += pause; !behind || waited > c.options.MaxWait {
			return p, err
		}
		if ended := sleep(ctx, pause); ended != nil {
			return nil, errors.Join(err, ended)
		}
	}
}

// tryPublished reads the log of a record that is said to be at an index. behind says that
// the checkpoint that was shown ends before it.
func (c *Client) tryPublished(ctx context.Context, record *Record, index uint64) (p *Package, behind bool, err error) {
	log, p, err := c.readOn(ctx, record)
	var missing *NotFoundError
	if errors.As(err, &missing) { // as of the checkpoint that is remembered since
		known, failure := c.knownCheckpoint(ctx)
		behind = failure == nil && known.raw != nil && known.Contents.LogLength <= index
		return nil, behind, c.unproven(ClaimRecord, fmt.Errorf("record %s is said to be published: %w", record.ID, err))
	}
	if err != nil {
		return nil, false, err
	}
	if at, ok := log.read[record.ID]; !ok || at != index {
		behind = !ok && p.Checkpoint.Contents.LogLength <= index
		return nil, behind, c.unproven(ClaimRecord, fmt.Errorf("record %s is said to be published at index %d, but is not there in its log, as of a checkpoint of length %d", record.ID, index, p.Checkpoint.Contents.LogLength))
	}
	return p, false, nil
}

// explainRefusal turns the refusal of a post into the error that says what to do.
func (c *Client) explainRefusal(ctx context.Context, record *Record, err error) error {
	var refusal *api.PackageError
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Variant {
	case api.ConflictPendingPublish:
		return &ConflictError{Name: record.Name, Other: refusal.RecordID, Err: err}
	case api.Rejection:
		return c.explainRejection(ctx, record, refusal.Message, err)
	case api.NamespaceImported:
		v, failure := c.view(ctx, nil)
		if failure != nil {
			return errors.Join(err, failure)
		}
		if ns, ok := v.operator.Namespace(record.Name.Namespace()); ok && ns.Imported {
			return &ImportedNamespaceError{Namespace: ns.Name, Registry: ns.Registry}
		}
	}
	return err
}

// explainRejection tells a record whose place another one took from one that is
// wrong. err is what the registry said, if it was an error.
func (c *Client) explainRejection(ctx context.Context, record *Record, reason string, err error) error {
	rejected := &RejectedError{Name: record.Name, RecordID: record.ID, Reason: reason}
	log, _, failure := c.readOn(ctx, record)
	if failure != nil {
		return superseded(rejected, err) // the reading is only for a better word
	}
	for _, ours := range record.signed {
		delete(log.read, ours)
	}
	var other protocol.AnyHash
	first := uint64(0)
	for id, index := range log.read {
		if log.known && index <= log.knownIndex {
			continue // read again, since its state could not be remembered
		}
		if other == "" || index < first {
			other, first = id.Any(), index
		}
	}
	if other == "" {
		return superseded(rejected, err)
	}
	return &ConflictError{Name: record.Name, Other: other, Err: errors.Join(rejected, err)}
}

// supersededBy is what a registry of this project begins the reason of a rejection with
// if another record took the place. That one may not be in a checkpoint yet.
const supersededBy = "superseded by record "

// superseded makes a conflict of a rejection that says so. It can not be proved, and does
// no harm if it is not so: the next record is signed on the log as it is.
func superseded(rejected *RejectedError, err error) error {
	other, found := strings.CutPrefix(rejected.Reason, supersededBy)
	id := protocol.AnyHash(strings.Trim(other, "`"))
	if _, bad := id.Hash(); !found || bad != nil {
		return rejected
	}
	return &ConflictError{Name: rejected.Name, Other: id, Err: errors.Join(rejected, err)}
}

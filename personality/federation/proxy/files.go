package proxy

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Withheld implements [httpapi.Reader]: the statements are read from the first and verified.
func (p *Proxy) Withheld(ctx context.Context, from uint64) (page withheld.Page, err error) {
	_, all, _, err := p.verified.Withheld(ctx)
	if err != nil {
		return page, p.judge(ctx, err)
	}
	s, err := p.reachesState(ctx, 0)
	if err != nil {
		return page, err
	}
	page.Origin, page.Total = s.records[0].RecordID, uint64(len(all))
	if from < page.Total {
		page.Statements = all[from:min(from+withheld.MaxPage, page.Total)]
	}
	return page, nil
}

// ContentURL implements [httpapi.Reader]: all content comes through here, verified.
func (p *Proxy) ContentURL(context.Context, protocol.Hash) (string, error) { return "", nil }

// ContentSources implements [httpapi.Reader].
func (p *Proxy) ContentSources(context.Context, protocol.Hash) ([]string, error) { return nil, nil }

// LogNote implements [httpapi.Reader].
func (p *Proxy) LogNote(context.Context, tlog.Log) ([]byte, error) {
	return nil, p.notHere("the notes and tiles")
}

// LogFile implements [httpapi.Reader].
func (p *Proxy) LogFile(context.Context, tlog.Log, tlog.File) ([]byte, error) {
	return nil, p.notHere("the notes and tiles")
}

// Envelopes implements [httpapi.Reader].
func (p *Proxy) Envelopes(context.Context, uint64, int, int) ([]tlog.NamedEnvelope, error) {
	return nil, p.notHere("the notes and tiles")
}

// RecordProof implements [httpapi.Reader].
func (p *Proxy) RecordProof(context.Context, protocol.PackageName, string) ([]byte, error) {
	return nil, p.notHere("the proofs of releases")
}

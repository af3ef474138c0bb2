package proxy

import (
	"context"
	"errors"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LatestCheckpoint implements [httpapi.Reader].
func (p *Proxy) LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error) {
	s, err := p.newest(ctx)
	if err != nil {
		return protocol.SignedCheckpoint{}, err
	}
	return s.checkpoint, nil
}

// newest returns what is verified of the other registry as of its newest checkpoint, or of
// that of [Fresh] ago. That it failed is remembered as long. Errors are the API's.
func (p *Proxy) newest(ctx context.Context) (*state, error) {
	if s, err, ok := p.fresh(); ok {
		return s, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s, err, ok := p.fresh(); ok {
		return s, err
	}
	// It goes on for others when the client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
	defer cancel()
	s, err := p.refresh(ctx)
	if err != nil {
		err = p.judge(ctx, err)
		since := p.options.Now()
		p.failed.Store(&failure{err, since})
		return nil, err
	}
	p.failed.Store(nil)
	p.checkpoints.Put(s.checkpoint.Contents.LogLength, s.checkpoint.Contents.Checkpoint)
	p.current.Store(s)
	return s, nil
}

// fresh returns what was asked for a moment ago, if it was.
func (p *Proxy) fresh() (*state, error, bool) {
	now := p.options.Now()
	if f := p.failed.Load(); f != nil && now.Sub(f.at) < Fresh {
		return nil, f.err, true
	}
	s := p.current.Load()
	if s == nil || now.Sub(s.asked) >= Fresh || p.failed.Load() != nil {
		return nil, nil, false
	}
	return s, nil, true
}

// refresh asks for the newest checkpoint. One that only was signed again takes one request.
func (p *Proxy) refresh(ctx context.Context) (*state, error) {
	asked, before := p.options.Now(), p.current.Load()
	if p.waiting != nil {
		s, err := p.witnessed(ctx, p.waiting, before)
		if err != nil || p.waiting != nil {
			return s, err
		}
		before = s
	}
	if before != nil {
		again, err := p.signedAgain(ctx, before)
		if err != nil || again != nil {
			return again, err
		}
	}
	records, operator, err := p.verified.OperatorRecords(ctx)
	if err != nil {
		return nil, err
	}
	s := &state{checkpoint: operator.Checkpoint, operator: operator, asked: asked}
	for _, r := range records {
		s.records = append(s.records, reader.PublishedRecord{RecordID: r.ID, Envelope: r.Envelope, RegistryIndex: r.Index})
		p.leaves.Put(r.Index, protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: r.ID})
	}
	return p.witnessed(ctx, s, before)
}

// signedAgain returns the state with a checkpoint of the same roots that a key which may
// sign has signed; nil if the newest is another one, which is to be proved.
func (p *Proxy) signedAgain(ctx context.Context, s *state) (*state, error) {
	var latest protocol.SignedCheckpoint
	asked := p.options.Now()
	if err := p.up.get(ctx, api.FetchCheckpointPath, &latest, new(api.FetchError)); err != nil {
		return nil, err
	}
	if latest.Contents.Checkpoint != s.checkpoint.Contents.Checkpoint || !slices.Contains(s.operator.Permits(protocol.PermissionCommit), latest.KeyID) {
		return nil, nil
	}
	for id, key := range s.operator.Keys() {
		if id != latest.KeyID {
			continue
		}
		if err := latest.Verify(key.Public); err != nil {
			return nil, p.unproven(client.ClaimSignature, err)
		}
	}
	again := *s
	again.checkpoint, again.asked = latest, asked
	return &again, nil
}

// at returns the verified checkpoint with a length: the newest, or one that was passed on
// before. Others are not found: their map roots can not be proved.
func (p *Proxy) at(ctx context.Context, length uint64) (protocol.Checkpoint, error) {
	if c, ok := p.checkpoints.Get(length); ok {
		return c, nil
	}
	s, err := p.newest(ctx)
	if err != nil {
		return protocol.Checkpoint{}, err
	}
	if s.checkpoint.Contents.LogLength != length {
		return protocol.Checkpoint{}, &registry.CheckpointNotFoundError{LogLength: length}
	}
	return s.checkpoint.Contents.Checkpoint, nil
}

// earlier is at, and of a length before the newest that this process has not passed on, as
// after a restart, a checkpoint whose log root is proved. Its map root is zero: that can not be.
func (p *Proxy) earlier(ctx context.Context, length uint64) (protocol.Checkpoint, error) {
	c, err := p.at(ctx, length)
	var unknown *registry.CheckpointNotFoundError
	if !errors.As(err, &unknown) || length == 0 {
		return c, err
	}
	newest, wrong := p.reaches(ctx, 0)
	if wrong != nil || length > newest.LogLength {
		return c, errors.Join(wrong, err)
	}
	root, err := p.rootAt(ctx, length)
	return protocol.Checkpoint{LogLength: length, LogRoot: root}, err
}

// reaches returns a verified checkpoint of at least some length, without asking if one is
// known.
func (p *Proxy) reaches(ctx context.Context, length uint64) (protocol.Checkpoint, error) {
	s := p.current.Load()
	if s == nil || s.checkpoint.Contents.LogLength < length {
		var err error
		if s, err = p.newest(ctx); err != nil {
			return protocol.Checkpoint{}, err
		}
	}
	return s.checkpoint.Contents.Checkpoint, nil
}

// VerifyCheckpoint implements [httpapi.Reader]. Roots of a checkpoint that was not passed on
// are invalid if the log root is not that of the length, and else unverified.
func (p *Proxy) VerifyCheckpoint(ctx context.Context, c protocol.ReceivedCheckpoint) (checkpoint, signature reader.Verdict, err error) {
	s, err := p.newest(ctx)
	if err != nil {
		return reader.Unverified, reader.Unverified, err
	}
	if checkpoint, err = p.verdict(ctx, c); err != nil {
		return reader.Unverified, reader.Unverified, err
	}
	signature = reader.Invalid
	for id, key := range s.operator.Keys() {
		if id == c.KeyID && slices.Contains(key.Permissions, protocol.PermissionCommit) && c.Verify(key.Public) == nil {
			signature = reader.Verified
		}
	}
	return checkpoint, signature, nil
}

func (p *Proxy) verdict(ctx context.Context, c protocol.ReceivedCheckpoint) (reader.Verdict, error) {
	if known, ok := p.checkpoints.Get(c.LogLength); ok {
		if c.LogRoot == known.LogRoot.Any() && c.MapRoot == known.MapRoot.Any() {
			return reader.Verified, nil
		}
		return reader.Invalid, nil
	}
	newest, err := p.reaches(ctx, c.LogLength)
	if err != nil || c.LogLength == 0 || c.LogLength > newest.LogLength {
		return reader.Unverified, err
	}
	root, err := p.rootAt(ctx, c.LogLength)
	if err == nil && c.LogRoot != root.Any() {
		return reader.Invalid, nil
	}
	return reader.Unverified, err
}

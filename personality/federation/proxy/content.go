package proxy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// HasContent implements [httpapi.Reader]. The size is what the other registry says, or the
// place where it keeps the content; the content itself is held to it.
func (p *Proxy) HasContent(ctx context.Context, digest protocol.Hash) (int64, error) {
	if err := p.checkDigest(digest); err != nil {
		return 0, err
	}
	if size, ok := p.sizes.Get(digest); ok {
		return size, nil
	}
	sources, err := p.sources(ctx, digest)
	if err != nil {
		return 0, p.judge(ctx, err)
	}
	for _, s := range sources {
		if s.Size != nil && *s.Size <= uint64(p.options.MaxContent) {
			p.sizes.Put(digest, int64(*s.Size))
			return int64(*s.Size), nil
		}
	}
	content, _, err := p.OpenContent(ctx, digest)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	return content.Seek(0, io.SeekEnd)
}

// checkDigest demands of a registry that is filtered that a package which the filter lets
// through has the content, as far as its log was asked for.
func (p *Proxy) checkDigest(digest protocol.Hash) error {
	if p.options.Registry.Filter.LetsAllThrough() {
		return nil
	}
	if named, _ := p.digests.Get(digest); !named {
		return &registry.ContentNotFoundError{Digest: digest}
	}
	return nil
}

// sources returns where a content can be had; never none.
func (p *Proxy) sources(ctx context.Context, digest protocol.Hash) ([]api.ContentSource, error) {
	var answer api.ContentSourcesResponse
	if err := p.up.get(ctx, api.ContentSourcesPath(digest), &answer, new(api.ContentError)); err != nil {
		return nil, p.explainContent(ctx, digest, err)
	}
	for _, of := range answer.ContentSources {
		if of.Hash == digest.Any() && len(of.Value) > 0 {
			return of.Value, nil
		}
	}
	return nil, p.unproven(client.ClaimContent, fmt.Errorf("it has content %s, and names no place where it is", digest))
}

// explainContent returns the error of a request for content: it is not there, or withheld
// by a signed statement of the other registry's operator.
func (p *Proxy) explainContent(ctx context.Context, digest protocol.Hash, err error) error {
	var missing *api.ContentError
	if errors.As(err, &missing) && missing.Variant == api.ContentDigestNotFound {
		return &registry.ContentNotFoundError{Digest: digest}
	}
	var refusal *client.APIError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusUnavailableForLegalReasons {
		return err
	}
	chain, _, _, listErr := p.verified.Withheld(ctx)
	if listErr != nil {
		return fmt.Errorf("%w (no signed statement of its operator says so: %w)", err, listErr)
	}
	if s, ok := chain.Withheld(digest); ok {
		return &registry.WithheldError{Statement: s}
	}
	return fmt.Errorf("%w (no signed statement of its operator says so)", err)
}

// OpenContent implements [httpapi.Reader]. The reader can be read from its beginning alone.
func (p *Proxy) OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	if err := p.checkDigest(digest); err != nil {
		return nil, time.Time{}, err
	}
	left, err := p.streams.Take(limits.ClientOf(ctx))
	if err != nil {
		return nil, time.Time{}, err
	}
	s, err := p.openAny(ctx, digest)
	if err != nil {
		left()
		return nil, time.Time{}, p.judge(ctx, err)
	}
	s.left = left
	return s, time.Time{}, nil
}

// openAny opens a content at the first place that gives it.
func (p *Proxy) openAny(ctx context.Context, digest protocol.Hash) (*stream, error) {
	sources, err := p.sources(ctx, digest)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, source := range sources {
		s, err := p.open(ctx, digest, source)
		if err == nil {
			return s, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (p *Proxy) open(ctx context.Context, digest protocol.Hash, source api.ContentSource) (*stream, error) {
	place, err := p.up.base.Parse(source.URL)
	if err != nil {
		return nil, p.unproven(client.ClaimContent, errors.New("it names a place of content by what is no URL"))
	}
	ctx, cancel := context.WithCancel(ctx)
	response, err := p.request(ctx, place)
	if err != nil {
		cancel()
		return nil, p.explainContent(ctx, digest, err)
	}
	size := response.ContentLength
	if size < 0 && source.Size != nil {
		size = int64(*source.Size)
	}
	if size < 0 || size > p.options.MaxContent {
		response.Body.Close()
		cancel()
		return nil, &client.TransportError{Method: http.MethodGet, URL: redacted(place), Err: fmt.Errorf("%w: it does not say its size, or has more than %d bytes", client.ErrTooLarge, p.options.MaxContent)}
	}
	if size == 0 && digest != protocol.HashOf(nil) { // nothing would be read, and so nothing verified
		response.Body.Close()
		cancel()
		return nil, p.unproven(client.ClaimContent, fmt.Errorf("what %s gives for content %s is empty", redacted(place), digest))
	}
	p.sizes.Put(digest, size)
	return &stream{p: p, ctx: ctx, cancel: cancel, digest: digest, place: place, body: response.Body, size: size, hash: sha256.New()}, nil
}

// request asks for a content. The answer has status 200 and is to be closed.
func (p *Proxy) request(ctx context.Context, place *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
	if err != nil {
		return nil, p.up.transportError(http.MethodGet, "", err)
	}
	request.Header.Set("Accept-Encoding", "identity") // bytes are to have a digest
	response, err := p.up.http.Do(request)
	if err != nil {
		return nil, &client.TransportError{Method: http.MethodGet, URL: redacted(place), Err: cause(err)}
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, p.up.refusal(response, new(api.ContentError))
	}
	return response, nil
}

// cause is why a request ended, without its URL.
func cause(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

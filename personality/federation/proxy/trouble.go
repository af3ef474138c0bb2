package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// lies counts how often the other registry was caught. That is not forgotten while the
// process runs: whoever caught it once should look.
type lies struct {
	mu    sync.Mutex
	count int       // guarded by mu
	last  string    // guarded by mu
	at    time.Time // guarded by mu
}

func (l *lies) add(what string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count, l.last, l.at = l.count+1, what, at
}

func (l *lies) remark() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return ""
	}
	return fmt.Sprintf("it did not prove what it answered, %d times since this process began, last at %s: %s", l.count, l.at.UTC().Format(time.RFC3339), l.last)
}

// unproven makes an error of a claim that does not hold.
func (p *Proxy) unproven(claim client.Claim, err error) error {
	return &client.VerificationError{Registry: p.options.Registry.URL, Claim: claim, Err: err}
}

// refuted is unproven for what the other registry must be able to answer, and refuses or
// answers in no form of the API. Other errors stay as they are.
func (p *Proxy) refuted(claim client.Claim, err error) error {
	var refusal *client.APIError
	if errors.Is(err, client.ErrMalformed) || errors.As(err, &refusal) && refusal.Status >= 400 && refusal.Status < 500 &&
		refusal.Status != http.StatusTooManyRequests && refusal.Status != http.StatusUnauthorized && refusal.Status != http.StatusForbidden {
		return p.unproven(claim, err)
	}
	return err
}

// judge makes of an error about the other registry what the API tells clients, and says
// loudly if it was caught. Errors of package registry stay as they are. What the other
// registry itself has in an error is for the log alone: the API would take it for its own.
func (p *Proxy) judge(ctx context.Context, err error) error {
	if judged(err) {
		return err
	}
	var caught *client.VerificationError
	var refusal *client.APIError
	var unanswered *client.TransportError
	var stored *client.StoreError
	part := registryPart + p.domain
	switch {
	case err == nil:
		return nil
	case errors.As(err, &caught):
		return p.caught(ctx, caught)
	case errors.As(err, &stored):
		return &registry.UnavailableError{Part: "the folder with what is remembered of registry " + p.domain, Err: words(err)}
	case errors.As(err, &refusal) && refusal.Status == http.StatusLoopDetected:
		return &registry.LoopError{Domain: p.domain, Err: words(err)}
	case errors.As(err, &refusal):
		return &registry.UnavailableError{Part: part, Reason: fmt.Sprintf("it answers with status %d", refusal.Status), Err: words(err)}
	case errors.Is(err, client.ErrMalformed), errors.Is(err, client.ErrTooLarge):
		return p.caught(ctx, &client.VerificationError{Registry: p.options.Registry.URL, Claim: "form of the answer", Err: err})
	case errors.As(err, &unanswered) && ctx.Err() != nil:
		return ctx.Err() // whoever asked is gone, or waited long enough
	case errors.As(err, &unanswered):
		return &registry.UnavailableError{Part: part, Reason: public(err), Err: words(err)}
	}
	return err
}

// words is an error of which nothing but the text is left.
func words(err error) error { return errors.New(err.Error()) }

// judged reports whether an error is one of the API already.
func judged(err error) bool {
	return errors.As(err, new(*registry.UpstreamError)) || errors.As(err, new(*registry.LoopError)) || errors.As(err, new(*registry.UnavailableError))
}

// public is what a client may know of why there was no answer.
func public(err error) string {
	var known *outbound.Error
	switch {
	case errors.As(err, &known):
		return known.Public()
	case errors.Is(err, client.ErrIdle), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	}
	return "it does not answer"
}

func (p *Proxy) caught(ctx context.Context, err *client.VerificationError) error {
	p.options.Observer.UpstreamCaught(p.domain, string(err.Claim))
	what := p.options.Registry.Public(fmt.Sprintf("%s: %v", err.Claim, err.Err))
	p.lies.add(what, p.options.Now())
	p.log.Write(ctx, slog.LevelError, string(err.Claim), "another registry did not prove what it answered; the answer is not passed on, and what was verified before stays", "claim", err.Claim, "error", err.Err)
	return &registry.UpstreamError{Domain: p.domain, Reason: what, Err: words(err)}
}

package client

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	firstPause  = 100 * time.Millisecond // before a request without an answer is made again; doubled each time
	maxBroken   = 3                      // how often it is made again
	maxAttempts = 20                     // of one request, for whatever reason
)

// retry calls try until it succeeds, fails for good, or would have to wait too
// long.
func (c *Client) retry(ctx context.Context, try func() error) error {
	var waited time.Duration
	broken := 0
	for range maxAttempts {
		err := try()
		pause, again := retryPause(err, &broken)
		if waited += pause; !again || waited > c.options.MaxWait || ctx.Err() != nil {
			return err
		}
		if ended := sleep(ctx, pause); ended != nil {
			return errors.Join(err, ended)
		}
	}
	return try()
}

// retryPause says whether a failed request is to be made again, and when. broken
// counts the times that it got no answer.
func retryPause(err error, broken *int) (pause time.Duration, again bool) {
	var refusal *APIError
	if errors.As(err, &refusal) {
		limited := refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable
		return refusal.RetryAfter, limited && refusal.RetryAfter > 0
	}
	var failure *TransportError
	if !errors.As(err, &failure) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrIdle) || errors.Is(err, ErrPlainHTTP) || *broken == maxBroken {
		return 0, false
	}
	pause = firstPause << *broken
	*broken++
	return pause, true
}

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds or
// a date. 0 means that it says nothing.
func retryAfter(header string, now time.Time) time.Duration {
	const longest = 1 << 31 // seconds: beyond it a duration would overflow
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return max(time.Duration(min(seconds, longest))*time.Second, firstPause)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), firstPause)
	}
	return 0
}

// sleep returns an error if ctx ends, or is to end, before the time is over.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

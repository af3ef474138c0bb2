package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/witness"
)

const (
	// askTimeout bounds a request to a witness, from dialling to the last byte.
	askTimeout = 10 * time.Second
	// maxRetryAfter bounds what a witness may ask for with Retry-After.
	maxRetryAfter = time.Hour
	// maxProof is how many hashes a witness takes (tlog-witness, "add-checkpoint").
	maxProof = 63
	// sizeType is the type of an answer that says which size a witness last cosigned.
	sizeType = "text/x.tlog.size"
)

// result is how a request, or a submission of one or two, has ended.
type result struct {
	outcome    Outcome
	err        error            // nil if cosigned
	cosigned   witness.Cosigned // if cosigned: what the answer holds
	size       *uint64          // the size that the witness says it has last cosigned
	retryAfter time.Duration    // what the witness asked for; 0 if nothing
}

func failed(outcome Outcome, format string, args ...any) result {
	return result{outcome: outcome, err: fmt.Errorf(format, args...)}
}

// submit sends a checkpoint to a witness that has perhaps cosigned an old size, and
// once more if the witness names another size. Source: tlog-witness,
// "add-checkpoint".
func (t *target) submit(ctx context.Context, c *candidate, old uint64) result {
	if old > c.size {
		old = 0 // the witness is ahead, or lost what it had; it will say
	}
	r := t.ask(ctx, c, old)
	switch {
	case r.size == nil:
		return r
	case *r.size > c.size:
		return ahead(r, c)
	case *r.size == old:
		r.outcome, r.err = BadAnswer, fmt.Errorf("it refuses the old size %d, and says that this is the size it has", old)
		return r
	}
	r = t.ask(ctx, c, *r.size)
	switch {
	case r.size == nil:
	case *r.size > c.size:
		return ahead(r, c)
	default:
		r.outcome, r.err = Unavailable, fmt.Errorf("it has named two sizes in turn, the second one is %d; another process may be sending checkpoints too", *r.size)
	}
	return r
}

func ahead(r result, c *candidate) result {
	r.outcome, r.err = Ahead, fmt.Errorf("it has cosigned size %d, and the newest checkpoint here has size %d: another process has published more, or this registry was restored from an old backup", *r.size, c.size)
	return r
}

// ask sends one request. A result with a size and no outcome is a conflict that can be
// solved.
func (t *target) ask(ctx context.Context, c *candidate, old uint64) result {
	body, err := t.request(ctx, c, old)
	if err != nil {
		return result{outcome: Internal, err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(t.url, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return result{outcome: Misconfigured, err: err}
	}
	request.Header.Set("Accept-Encoding", "identity") // what is unpacked has no bound of its own
	response, err := t.p.client.Do(request)
	if err != nil {
		return failed(Unavailable, "no answer: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, witness.MaxAnswer+1))
	switch {
	case err != nil:
		return failed(Unavailable, "its answer breaks off: %w", err)
	case len(answer) > witness.MaxAnswer:
		return failed(BadAnswer, "its answer, with status %d, has more than %d bytes", response.StatusCode, witness.MaxAnswer)
	}
	r := t.judge(response, answer, c, old)
	r.retryAfter = t.retryAfter(response.Header.Get("Retry-After"))
	return r
}

// request is the body of a request: the old size, the proof, an empty line, the note.
func (t *target) request(ctx context.Context, c *candidate, old uint64) ([]byte, error) {
	var proof [][]byte
	if 0 < old && old < c.size {
		ctx, cancel := context.WithTimeout(ctx, storageTimeout)
		defer cancel()
		var err error
		if proof, err = t.log.source.ConsistencyProof(ctx, old, c.size); err != nil {
			return nil, fmt.Errorf("the consistency proof from size %d to %d: %w", old, c.size, err)
		}
		if len(proof) > maxProof {
			return nil, fmt.Errorf("the consistency proof from size %d to %d has %d hashes; %d are allowed", old, c.size, len(proof), maxProof)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, hash := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(hash) + "\n")
	}
	b.WriteByte('\n')
	b.Write(c.signed)
	return b.Bytes(), nil
}

// judge says what an answer means.
func (t *target) judge(response *http.Response, answer []byte, c *candidate, old uint64) result {
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return t.cosigned(answer, c)
	case status == http.StatusConflict && isSize(response.Header):
		size, err := parseSize(answer)
		if err != nil {
			return result{outcome: BadAnswer, err: err}
		}
		return result{size: &size}
	case status == http.StatusConflict && old < c.size:
		return failed(AnotherRoot, "it answers 409 without naming its size: another root than the one here at size %d or %d", old, c.size)
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity && old == c.size:
		return failed(AnotherRoot, "it has another root at size %d (status %d)", c.size, status)
	case status == http.StatusUnprocessableEntity && old > 0:
		// It has compared the old size before the proof, so its root there is another
		// one, unless the proof is wrong.
		return failed(AnotherRoot, "it refuses the consistency proof from size %d to %d (status 422): it has another root at size %d", old, c.size, old)
	case status == http.StatusNotFound:
		return failed(Misconfigured, "status 404: it does not know the log %q, or its URL is another one; have the log registered there", c.origin)
	case status == http.StatusForbidden:
		return failed(Misconfigured, "status 403: it knows other keys of the log %q; give it those that the registry's note-key command shows", c.origin)
	case status == http.StatusTooManyRequests:
		return failed(Unavailable, "status 429: it wants fewer requests; make the witness interval longer")
	case status >= 500:
		return failed(Unavailable, "status %d", status)
	case 300 <= status && status < 400:
		return failed(Misconfigured, "status %d: it is elsewhere, by its redirect to %q; redirects are not followed, so change its URL", status, response.Header.Get("Location"))
	default:
		return failed(Misconfigured, "status %d, which a witness has no reason for", status)
	}
}

// cosigned reads the cosignatures of an answer.
func (t *target) cosigned(answer []byte, c *candidate) result {
	cosigned, err := t.policy.Answer(c.signed, answer)
	if err != nil {
		return result{outcome: BadAnswer, err: err}
	}
	return result{outcome: Cosigned, cosigned: cosigned}
}

func isSize(h http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && mediaType == sizeType
}

// parseSize reads the size that a witness names: in decimal without leading zeros, and
// a newline.
func parseSize(answer []byte) (uint64, error) {
	text := strings.TrimSuffix(string(answer), "\n")
	size, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(size, 10) != text {
		return 0, errors.New("it answers 409 with what is no size in decimal")
	}
	return size, nil
}

// retryAfter reads a header of that name (RFC 9110 section 10.2.3), within bounds.
func (t *target) retryAfter(text string) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(t.p.options.Now())
	}
	return min(max(wait, 0), maxRetryAfter)
}

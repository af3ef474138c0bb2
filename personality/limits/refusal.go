package limits

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Refusal is the error of a request that meets a limit. Nothing was done for
// it; what the client may do is in the message.
type Refusal struct {
	Status     int           // HTTP status: 408, 429 or 503
	Message    string        // for people
	RetryAfter time.Duration // zero: coming back later does not help
}

func (r *Refusal) Error() string { return r.Message }

// SetHeader sets Retry-After, in whole seconds and at least one (RFC 9110,
// section 10.2.3), if coming back later helps.
func (r *Refusal) SetHeader(h http.Header) {
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
}

func tooMany(what string, wait time.Duration) *Refusal {
	return &Refusal{http.StatusTooManyRequests, fmt.Sprintf("too many %s; wait %v and try again", what, wait.Round(100*time.Millisecond)), wait}
}

package discovery

import (
	"encoding/json"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// answers keeps what was answered until the index changes: many ask for the same. Its zero
// value is empty. Safe for concurrent use.
type answers[T any] struct {
	mu    sync.Mutex
	tag   string       // guarded by mu; [Index.Tag] that all are of
	known map[string]T // guarded by mu; by query
	size  int          // guarded by mu; bytes of all, about
}

// Bounds of answers, in bytes.
const (
	maxAnswers  = 16 << 20 // all of a kind, about
	summarySize = 700      // a [discovery.Summary], about
	facetSize   = 80       // a [discovery.Facet], about
	entrySize   = 200      // what each takes besides
)

// get returns the answer to a query at a tag, from f if it is not known, which takes size bytes;
// less than 0: it is not kept. Nobody may change it. The tag was read before: what f sees is as new, or newer.
func (a *answers[T]) get(tag string, q discovery.Query, size func(T) int, f func() (T, error)) (T, error) {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // there is nothing in it that can not be encoded
	}
	a.mu.Lock()
	answer, known := a.known[string(text)]
	known = known && a.tag == tag
	a.mu.Unlock()
	if known {
		return answer, nil
	}
	if answer, err = f(); err != nil || size(answer) < 0 {
		return answer, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tag != tag || a.size > maxAnswers || a.known == nil {
		a.tag, a.known, a.size = tag, map[string]T{}, 0
	}
	a.known[string(text)] = answer
	a.size += entrySize + len(text) + size(answer)
	return answer, nil
}

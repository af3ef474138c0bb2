package proxy_test

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// An operator log of several pages keeps no package back.
func TestLongOperatorLog(t *testing.T) {
	r := newRegistry(t)
	var pages atomic.Int32
	r.lying.Change(func(a *liar.Answer) {
		var q api.FetchLogsRequest
		if a.Path == "/"+api.FetchLogsPath && q.UnmarshalJSON(a.Request) == nil && len(q.Packages) > 0 && q.Operator == nil {
			pages.Add(1)
			a.Body = bytes.Replace(a.Body, []byte(`"more":false`), []byte(`"more":true`), 1)
		}
	})
	h := r.answerFor(t, t.TempDir(), nil)
	if err := tool(r, h); err != nil || pages.Load() == 0 {
		t.Errorf("%v, after %d first pages", err, pages.Load())
	}
}

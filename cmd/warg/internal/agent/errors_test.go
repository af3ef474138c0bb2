package agent

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// What the operator withholds is refused with the status and code that say so, and why.
func TestWithheldIsDenied(t *testing.T) {
	t.Parallel()
	a, w := &Agent{log: slog.New(slog.DiscardHandler)}, httptest.NewRecorder()
	err := &client.WithheldError{Statement: withheld.Statement{Reason: "by order of a court"}}
	a.writeError(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), fmt.Errorf("read: %w", err))
	body := w.Body.String()
	if w.Code != http.StatusUnavailableForLegalReasons || !strings.Contains(body, `"code":"DENIED"`) || !strings.Contains(body, "withheld by the registry: by order of a court") {
		t.Errorf("status %d, %s", w.Code, body)
	}
}

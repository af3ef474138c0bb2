package federation

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestRouterFindsWhoAnswers(t *testing.T) {
	id := ID(protocol.HashOf([]byte("home")))
	r := NewRouter(id, NewHints(nil, nil, time.Now, slog.Default()), "home.example", "")
	request := func(via ...string) *http.Request {
		q := httptest.NewRequest("GET", "http://front.example:80/v1/fetch/checkpoint", nil)
		q.Header["Via"] = via
		return q
	}
	status := func(q *http.Request, domain string) int {
		h, err := r.For(q, domain)
		var wrong *api.MessageError
		switch {
		case errors.As(err, &wrong):
			return wrong.Status()
		case err != nil:
			t.Fatal(err)
		case h == nil:
			return 0
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		return w.Code
	}
	if got := status(request(), "other.example"); got != 501 {
		t.Errorf("without others: %d", got)
	}
	var passed *http.Request
	r.Add("Other.example", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		passed = q
		w.WriteHeader(http.StatusTeapot)
	}), nobody{})
	foreign := ID(protocol.HashOf([]byte("foreign")))
	for _, test := range []struct {
		domain string
		via    []string
		want   int
	}{
		{"other.EXAMPLE", nil, http.StatusTeapot},
		{"HOME.example", nil, 0},
		{"front.example:80", nil, 0}, // as the request itself says
		{"third.example", nil, 404},
		{"other.example", []string{"1.1 caddy, 1.1 " + foreign + " (a comment)"}, http.StatusTeapot},
		{"other.example", []string{"1.1 caddy, 2.0 " + id}, 508},
		{"home.example", []string{"1.1 " + id}, 0}, // nothing is asked of others for it
		{"other.example", []string{strings.Repeat("1.1 "+foreign+",", maxHops), "1.1 " + foreign}, 508},
	} {
		if got := status(request(test.via...), test.domain); got != test.want {
			t.Errorf("%s via %q: %d, want %d", test.domain, test.via, got, test.want)
		}
	}

	// What goes on to another registry says where it came from.
	status(request("1.1 "+foreign), "other.example")
	onward := httptest.NewRequest("GET", "http://other.example/", nil).WithContext(passed.Context())
	SetVia(onward, id)
	if got := strings.Join(onward.Header["Via"], ", "); got != "1.1 "+foreign+", 1.1 "+id {
		t.Errorf("Via: %s", got)
	}
}

// nobody has no names.
type nobody struct{}

func (nobody) Names(_ context.Context, ids []protocol.Hash) ([]reader.NamedLog, error) {
	return make([]reader.NamedLog, len(ids)), nil
}

// names has some names, counts who asks, and lies if it is told so.
type names struct {
	known map[protocol.Hash]string
	err   error
	asked int
}

func (n *names) Names(_ context.Context, ids []protocol.Hash) ([]reader.NamedLog, error) {
	n.asked++
	return []reader.NamedLog{{LogID: ids[0], Name: n.known[ids[0]]}}, n.err
}

func TestHints(t *testing.T) {
	name := func(text string) protocol.PackageName {
		n, err := protocol.ParsePackageName(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	imported := []protocol.Namespace{
		{Name: "wasi", Imported: true, Registry: "Other.example"},
		{Name: "ba", Imported: true, Registry: "third.example"},
		{Name: "own"},
	}
	now := time.Unix(1000, 0)
	h := NewHints(func(context.Context) ([]protocol.Namespace, error) { return imported, nil },
		cache.New(1<<20), func() time.Time { return now }, slog.Default())
	ctx := context.Background()
	other := &names{known: map[protocol.Hash]string{
		name("wasi:clocks").LogID(): "wasi:clocks",
		name("ba:tools").LogID():    "ba:tools",    // it has it, and is not whom it is imported from
		name("wasi:lies").LogID():   "wasi:clocks", // not the name of this log
	}}
	h.Add("other.example", other)
	for _, test := range []struct{ name, want string }{
		{"wasi:clocks", "wasi=Other.example"},
		{"wasi:clocks", "wasi=Other.example"},
		{"ba:tools", ""}, {"wasi:lies", ""}, {"wasi:none", ""}, {"wasi:none", ""},
	} {
		if got := h.Hint(ctx, name(test.name).LogID()); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if other.asked != 4 {
		t.Errorf("asked %d times, want 4: what is known is not asked for again", other.asked)
	}

	// That nobody knew a log is forgotten after a while; that somebody failed is not kept.
	other.known[name("wasi:none").LogID()] = "wasi:none"
	now = now.Add(noHint)
	other.err = errors.New("it is away")
	if got := h.Hint(ctx, name("wasi:none").LogID()); got != "" {
		t.Errorf("from one that failed: %q", got)
	}
	other.err = nil
	if got := h.Hint(ctx, name("wasi:none").LogID()); got != "wasi=Other.example" {
		t.Errorf("once it is there: %q", got)
	}

	// A name in a request says what its log is, wherever it is.
	for text, want := range map[string]string{"ba:tools": "ba=third.example", "own:x": "", "none:x": ""} {
		if got := h.ForName(ctx, name(text)); got != want {
			t.Errorf("%s by name: %q, want %q", text, got, want)
		}
		if got := h.Hint(ctx, name(text).LogID()); got != want {
			t.Errorf("%s by id, then: %q, want %q", text, got, want)
		}
	}
}

package integration

import (
	"context"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/warg-trillian/warg-trillian/integration/chromium"
	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/personality/web"
)

// servePage serves the content of the page /verify and its files elsewhere than a registry.
func servePage(t *testing.T, registry string) (site string) {
	t.Helper()
	top, err := tools.Top()
	if err != nil {
		t.Fatal(err)
	}
	content, err := template.ParseFiles(filepath.Join(top, "personality", "web", "verify.html"))
	if err != nil {
		t.Fatal(err)
	}
	frame := template.Must(content.New("frame").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Verify</title>` +
		`<script type="module" src="` + web.StaticPath + `verifypage.js"></script></head><body><main>{{template "verify" .}}</main></body></html>`))
	mux := http.NewServeMux()
	mux.Handle(web.StaticPath, web.Static())
	mux.HandleFunc("/verify", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src "+registry)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := frame.Execute(w, registry); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// A copy of the page that comes from elsewhere verifies a registry just as well: nobody has
// to take the page from the registry.
func TestVerifyFromElsewhereInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t)
	l := startLied(t)
	site := servePage(t, l.server.url)
	tab := chromium.Tab(t, browser, tabTimeout)
	if verdict := visit(t, tab, site, "package=example:tool"); verdict.Status != "verified" {
		t.Errorf("the verdict is %+v: %s", verdict, pageText(t, tab))
	}
	checkTicks(t, tab)
}

const (
	tabTimeout = 3 * time.Minute
	verdictOf  = `[data-verify-verdict][data-verdict]`
)

// act runs actions in a tab.
func act(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, actions...); err != nil {
		t.Fatal(err)
	}
}

// of runs an action that gives something.
func of[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(tab, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// script runs a script for what it does.
func script(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](text)
}

// ready waits for an element.
func ready(selector chromedp.CSS) chromedp.Action[chromedp.Void] { return chromedp.WaitReady(selector) }

// shownStep is what the page shows of a step, a file or the verdict.
type shownStep struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// shown returns what stands on the page.
func shown(t *testing.T, tab context.Context, selector string) shownStep {
	t.Helper()
	return of(t, tab, chromedp.Evaluate[shownStep]("(() => { const e = document.querySelector(`"+selector+"`); "+
		`return { status: e?.dataset.status ?? e?.dataset.verdict ?? "", reason: e?.dataset.reason ?? "", text: e?.innerText ?? "" } })()`))
}

// visit opens the page of a package, and returns the verdict.
func visit(t *testing.T, tab context.Context, site, query string) shownStep {
	t.Helper()
	act(t, tab, chromedp.Navigate(site+"/verify?"+query), ready(verdictOf))
	return shown(t, tab, `[data-verify-verdict]`)
}

// text is the text of the whole page.
func pageText(t *testing.T, tab context.Context) string {
	t.Helper()
	return of(t, tab, chromedp.Text(chromedp.CSS("body")))
}

// checkTicks demands that the page shows a tick at each step.
func checkTicks(t *testing.T, tab context.Context) {
	t.Helper()
	steps := of(t, tab, chromedp.Evaluate[int](`document.querySelectorAll('[data-step]').length`))
	ticks := of(t, tab, chromedp.Evaluate[int](`[...document.querySelectorAll('[data-step][data-status=ok]')].filter((e) => e.innerText.startsWith('✓')).length`))
	if steps < 10 || ticks != steps {
		t.Errorf("%d ticks at %d steps: %s", ticks, steps, pageText(t, tab))
	}
}

// In Chromium an honest registry gets ticks; a file is chosen, or dropped, and identified;
// the page is used with the keyboard; without scripts it says what to use instead.
func TestVerifyInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t)
	l := startLied(t)
	site := l.server.url
	tab := chromium.Tab(t, browser, tabTimeout)
	if verdict := visit(t, tab, site, "package=example:tool&version=1.0.3"); verdict.Status != "verified" {
		t.Errorf("the verdict is %+v: %s", verdict, pageText(t, tab))
	}
	checkTicks(t, tab)

	file := filepath.Join(t.TempDir(), "tool.wasm")
	if err := os.WriteFile(file, []byte("c"), 0o600); err != nil {
		t.Fatal(err)
	}
	const result = `[data-verify-file-result]`
	act(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#verify-file"), []string{file}), ready(result+`[data-status=ok]`))
	if got := shown(t, tab, result); !strings.Contains(got.Text, "example:tool 1.0.3") {
		t.Errorf("of the file that was chosen is said %+v", got)
	}
	drop := `(() => { const data = new DataTransfer(); data.items.add(new File(['a'], '<img src=x>.wasm')); ` +
		`document.querySelector('[data-verify-drop]').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })) })()`
	act(t, tab, script(drop), ready(result+`[data-status=failed]`))
	if got := shown(t, tab, result); got.Reason != "other-release" || !strings.Contains(got.Text, "the file is release 1.0.1") {
		t.Errorf("of the file that was dropped is said %+v", got)
	}
	act(t, tab, chromedp.Click(chromedp.CSS(`[data-verify-download]`)), ready(`[data-verify-download-result][data-status=ok]`))

	// With the keyboard alone, to what is not there.
	act(t, tab, chromedp.Focus(chromedp.CSS("#verify-package")), script(`document.querySelector('#verify-package').select()`),
		chromedp.KeyEvent("example:none"), chromedp.KeyEvent(kb.Enter), ready(`[data-verdict=absent]`))
	address := of(t, tab, chromedp.Location())
	if !strings.Contains(address, "package=example%3Anone") {
		t.Errorf("the address is %s", address)
	}

	// What is in the address is text.
	visit(t, tab, site, "package="+url.QueryEscape(`<img src=x onerror="document.title='x'"> `+"\u202e"))
	if text := pageText(t, tab); !strings.Contains(text, "is not the name of a package") || strings.Contains(text, "\u202e") || !strings.Contains(text, `\u{202e}`) {
		t.Errorf("the page shows %s", text)
	}
	if of(t, tab, chromedp.Evaluate[int](`document.querySelectorAll("main img").length`)) != 0 {
		t.Error("what is in the address became HTML")
	}

	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	act(t, tab, chromedp.Navigate(site+"/verify?package=example:tool"))
	if text := pageText(t, tab); !strings.Contains(text, "warg verify") || !strings.Contains(text, "warg-auditor audit") {
		t.Errorf("without scripts the page shows %s", text)
	}
}

// A few lies, in Chromium: it shows the reason, says a contradiction loudly, and keeps what
// it saw.
func TestVerifyLiesInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t)
	honest := startLied(t)
	for _, what := range []string{
		"a rewound log", "another log that is longer", "a release by a stranger", "a release that is dropped",
		"fewer proofs", "a checkpoint by a revoked key", "a note by another key", "a refusal to prove",
	} {
		t.Run(what, func(t *testing.T) {
			lie, ok := verifyLies[what]
			if !ok {
				t.Fatal("there is no such lie")
			}
			l := &lied{server: honest.server, keys: honest.keys, Liar: liar.Start(t, honest.server.url)}
			site := l.Liar.URL // which serves the honest page
			tab := chromium.Tab(t, browser, tabTimeout)
			if lie.known {
				if verdict := visit(t, tab, site, "package=example:tool"); verdict.Status != "verified" {
					t.Fatalf("before it lies: %s", pageText(t, tab))
				}
			}
			lie.tell(t, l)
			verdict := visit(t, tab, site, "package=example:tool")
			step := shown(t, tab, `[data-step="`+lie.step+`"]`)
			if verdict.Status != "failed" || step.Reason != lie.reason || !strings.HasPrefix(step.Text, "✗") || !strings.Contains(verdict.Text, "Do not trust") {
				t.Errorf("verdict %+v, step %+v", verdict, step)
			}
			alarm := shown(t, tab, `[data-verify-alarm]`)
			if strings.Contains(alarm.Text, "contradicts what this browser saw") != lie.conflict || strings.Count(alarm.Text, `"signature"`) != map[bool]int{true: 2}[lie.conflict] {
				t.Errorf("the alarm is %q", alarm.Text)
			}
			if of(t, tab, chromedp.Evaluate[int](`document.querySelectorAll('[data-verify] script').length`)) != 0 {
				t.Error("what the registry answers became HTML")
			}
			l.Honest()
			if verdict := visit(t, tab, site, "package=example:tool"); verdict.Status != "verified" {
				t.Errorf("after the lie: %s", pageText(t, tab))
			}
		})
	}
}

// What the page shows of a package that holds, of a lie, of a contradiction and of nothing is
// for everybody: axe-core finds nothing in it, light or dark, and it fits on the narrowest
// phone, with all steps, results and evidence on it.
func TestVerifyForEverybodyInChromium(t *testing.T) {
	t.Parallel()
	source := axeSource(t)
	tab := chromium.Tab(t, chromium.Start(t), tabTimeout)
	act(t, tab, chromedp.EmulateViewport(320, 640, chromedp.EmulateMobile))
	l := startLied(t)
	check := func(what string) {
		t.Helper()
		checkNarrow(t, tab, what)
		for _, scheme := range []string{"light", "dark"} {
			prefer(t, tab, scheme)
			checkAxe(t, tab, source, what+", "+scheme)
			checkNarrow(t, tab, what+", with all open")
		}
	}
	visited := func(query, verdict string) {
		t.Helper()
		if got := visit(t, tab, l.Liar.URL, query); got.Status != verdict {
			t.Fatalf("the verdict is %+v, want %s: %s", got, verdict, pageText(t, tab))
		}
	}
	visited("package=example:tool&version=1.0.3", "verified")
	act(t, tab, chromedp.Click(chromedp.CSS(`[data-verify-download]`)), ready(`[data-verify-download-result][data-status=ok]`))
	file := filepath.Join(t.TempDir(), strings.Repeat("long-name", 20)+".wasm")
	if err := os.WriteFile(file, []byte("none of its releases"), 0o600); err != nil {
		t.Fatal(err)
	}
	act(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#verify-file"), []string{file}), ready(`[data-verify-file-result][data-status=failed]`))
	check("a package that holds")
	visited("package=example:none", "absent")
	check("nothing")
	visited("package="+strings.Repeat("not-a-name", 20), "failed")
	check("no name")
	for _, what := range []string{"a release by a stranger", "a rewound log"} {
		visited("package=example:tool", "verified")
		verifyLies[what].tell(t, l)
		visited("package=example:tool", "failed")
		if verifyLies[what].conflict && shown(t, tab, `[data-verify-alarm]`).Text == "" {
			t.Errorf("%s: there is no alarm", what)
		}
		check(what)
		l.Honest()
	}
}

// A private registry: the page asks for a token, keeps it in memory, and forgets what it is
// told to forget. Without https it says why it verifies nothing.
func TestVerifyPrivateInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t, chromedp.Flag("host-resolver-rules", "MAP registry.test 127.0.0.1"))
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens, "--origin", origin, "--content-policy", "none")
	a := newAuthor(t, "example:tool")
	permitted := s.withToken(t, publish)
	permitted.publishRelease(t, a, a.begin(), nil)
	permitted.publishRelease(t, a, a.release([]byte("x")), []byte("x"))

	site := s.url
	tab := chromium.Tab(t, browser, tabTimeout)
	if verdict := visit(t, tab, site, "package=example:tool"); verdict.Status != "failed" {
		t.Errorf("without a token the verdict is %+v", verdict)
	}
	token := chromedp.CSS("#verify-token")
	act(t, tab, chromedp.WaitVisible(token), chromedp.SendKeys(token, read+kb.Enter), ready(`[data-verdict=verified]`))
	kept := of(t, tab, chromedp.Evaluate[string](`JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie + location.href`))
	if strings.Contains(kept, read) || !strings.Contains(kept, "warg-verify:") {
		t.Errorf("the browser keeps %s", kept)
	}

	dialogs := chromedp.Events(tab, page.JavascriptDialogOpening)
	go func() {
		for range dialogs {
			chromedp.Call(tab, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			return
		}
	}()
	act(t, tab, script(`document.querySelector('[data-verify-forget]').click()`), ready(`[data-verify-forgotten][data-status=ok]`))
	kept = of(t, tab, chromedp.Evaluate[string](`JSON.stringify(localStorage)`))
	if strings.Contains(kept, "warg-verify:") {
		t.Errorf("the browser keeps %s", kept)
	}

	insecure := strings.Replace(site, "127.0.0.1", "registry.test", 1)
	visit(t, tab, insecure, "package=example:tool")
	if step := shown(t, tab, `[data-step=browser]`); step.Reason != "no-webcrypto" || !strings.Contains(step.Text, "https") {
		t.Errorf("without https: %+v", step)
	}
}

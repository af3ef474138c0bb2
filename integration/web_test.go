package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/warg-trillian/warg-trillian/integration/chromium"
	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// indexTimeout is for how long an index may take to read some releases.
const indexTimeout = 2 * time.Minute

// startWeb starts a registry with packages to look at, and waits until its index has them.
func startWeb(t *testing.T, flags ...string) *server {
	t.Helper()
	s := startServer(t, flags...)
	fillForWeb(t, s, webPackages())
	waitIndexed(t, s)
	return s
}

// waitIndexed waits until the index of a server has all that is published, and what is in it.
func waitIndexed(t *testing.T, s *server) {
	t.Helper()
	var checkpoint protocol.SignedCheckpoint
	_, answer := s.ask(t, http.MethodGet, "/"+api.FetchCheckpointPath, nil)
	if err := json.Unmarshal(answer, &checkpoint); err != nil {
		t.Fatal(err)
	}
	var status discovery.Status
	for end := time.Now().Add(indexTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var code int
		if code, answer = s.ask(t, http.MethodGet, "/"+discovery.StatusPath, nil); code != http.StatusOK {
			continue
		}
		if err := json.Unmarshal(answer, &status); err != nil {
			t.Fatal(err)
		}
		if status.LogLength >= checkpoint.Contents.LogLength && status.ToDescribe == 0 {
			return
		}
	}
	t.Fatalf("after %v the index is at %s", indexTimeout, answer)
}

// webPages are one of each kind, of what startWeb has.
func webPages(t *testing.T, s *server) []string {
	t.Helper()
	var release discovery.Release
	if _, answer := s.ask(t, http.MethodGet, "/"+discovery.ReleasePath("example:image-resizer", "1.0.4"), nil); json.Unmarshal(answer, &release) != nil {
		t.Fatalf("the release is %s", answer)
	}
	return []string{
		"/", "/search?search=image", "/search?search=nothing-has-this", "/packages/example:image-resizer", "/packages/example:image-resizer/1.0.4",
		"/packages/example:image-resizer/1.0.3", "/packages/example:image-resizer/1.0.4/wit", "/packages/example:image-resizer/1.0.4/dependencies",
		"/packages/example:image-resizer/log", "/packages/example:hostile/1.0.1", "/packages/example:image-resizer/dependents",
		"/interfaces?name=wasi:http/incoming-handler", "/interfaces?name=nobody:has/this", "/keys/" + string(release.Key), "/checkpoints", "/docs", "/verify", "/nowhere",
	}
}

// prefer has a tab prefer light or dark.
func prefer(t *testing.T, tab context.Context, scheme string) {
	t.Helper()
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

const paper = `getComputedStyle(document.body).backgroundColor`

// In Chromium, people find a package by words, look at a version and at an interface, and
// verify it; all by clicking.
func TestPagesInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t)
	s := startWeb(t)
	t.Run("search, look, verify", func(t *testing.T) { clickThrough(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("dark", func(t *testing.T) { turnDark(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("no scripts", func(t *testing.T) { withoutScripts(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("phone", func(t *testing.T) { onPhone(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("keyboard", func(t *testing.T) { byKeyboard(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("hostile package", func(t *testing.T) { besideHostile(t, chromium.Tab(t, browser, tabTimeout), s) })
	t.Run("for everybody", func(t *testing.T) { forEverybody(t, chromium.Tab(t, browser, tabTimeout), s) })
}

func clickThrough(t *testing.T, tab context.Context, s *server) {
	link := func(text string) chromedp.Search {
		return chromedp.Search(`//main//a[normalize-space()="` + text + `"]`)
	}
	act(t, tab, chromedp.Navigate(s.url+"/"), chromedp.SendKeys(chromedp.CSS("#find"), "imag resiser"+kb.Enter), chromedp.WaitReady(chromedp.CSS(".two.search")))
	if found := of(t, tab, chromedp.Text(chromedp.CSS(".items"))); !strings.Contains(found, "image-resizer") {
		t.Errorf("with typing errors is found %q", found)
	}
	act(t, tab, chromedp.Click(link("example:image-resizer")), chromedp.WaitReady(chromedp.CSS("#exports")))
	text := pageText(t, tab)
	for _, want := range []string{"1.0.4", "Scales and crops", "Apache-2.0 OR MIT", "miniz_oxide", "wasi:filesystem/types@0.2.3", "export example:image/resize@2.1.0", "Filesystem", "HTTP requests"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of the release lacks %q:\n%s", want, text)
		}
	}
	act(t, tab, chromedp.Click(link("incoming-handler@0.2.3")), chromedp.WaitReady(chromedp.CSS("#exporters")))
	if text := pageText(t, tab); !strings.Contains(text, "example:proxy") {
		t.Errorf("the page of the interface is\n%s", text)
	}
	act(t, tab, chromedp.Click(link("example:image-resizer")), chromedp.WaitReady(chromedp.CSS("#exports")),
		chromedp.Click(link("Who did what, and when")), chromedp.WaitReady(chromedp.CSS(".timeline")))
	if text := pageText(t, tab); !strings.Contains(text, "yanked 1.0.3") || !strings.Contains(text, "granted") {
		t.Errorf("the log is\n%s", text)
	}
	act(t, tab, chromedp.Click(link("example:image-resizer")), chromedp.WaitReady(chromedp.CSS("#versions")),
		chromedp.Click(link("1.0.4")), chromedp.WaitReady(chromedp.CSS("#exports")), chromedp.Click(link("Verify in this browser")), ready(verdictOf))
	if verdict := shown(t, tab, `[data-verify-verdict]`); verdict.Status != "verified" {
		t.Errorf("the verdict is %+v: %s", verdict, pageText(t, tab))
	}
	checkTicks(t, tab)
}

// The button changes to dark and back, and the browser remembers it; without it, a page is as the
// reader prefers.
func turnDark(t *testing.T, tab context.Context, s *server) {
	colour := func() string { return of(t, tab, chromedp.Evaluate[string](paper)) }
	act(t, tab, chromedp.Navigate(s.url+"/"))
	light := colour()
	prefer(t, tab, "dark")
	dark := colour()
	prefer(t, tab, "light")
	if light == dark || colour() != light {
		t.Errorf("light is %s, dark %s, and light again %s", light, dark, colour())
	}
	act(t, tab, chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	if colour() != dark || of(t, tab, chromedp.Evaluate[string](`document.querySelector("[data-theme-toggle]").ariaPressed`)) != "true" {
		t.Errorf("after the button it is %s", colour())
	}
	act(t, tab, chromedp.Navigate(s.url+"/docs"))
	if colour() != dark {
		t.Error("the next page is light again")
	}
	act(t, tab, chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	if colour() != light {
		t.Error("the button does not turn back")
	}
}

// Without scripts one finds and reads all the same; what would do nothing is not shown.
func withoutScripts(t *testing.T, tab context.Context, s *server) {
	if _, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	act(t, tab, chromedp.Navigate(s.url+"/"), chromedp.SendKeys(chromedp.CSS("#find"), "markdown"), chromedp.Click(chromedp.CSS(".find-large button")),
		chromedp.WaitReady(chromedp.CSS(".two.search")), chromedp.WaitNotVisible(chromedp.CSS("[data-theme-toggle]")),
		chromedp.Click(chromedp.CSS(".items a")), chromedp.WaitReady(chromedp.CSS("#exports")))
	if text := pageText(t, tab); !strings.Contains(text, "Turns CommonMark into HTML") || strings.Contains(text, "Copy") {
		t.Errorf("without scripts the page is\n%s", text)
	}
}

// onPhone: on the narrowest phone nothing stands beyond the edge.
func onPhone(t *testing.T, tab context.Context, s *server) {
	act(t, tab, chromedp.EmulateViewport(320, 640, chromedp.EmulateMobile))
	for _, path := range webPages(t, s) {
		act(t, tab, chromedp.Navigate(s.url+path))
		checkNarrow(t, tab, path)
	}
}

// checkNarrow demands that what a tab of 320 pixels shows is not wider than that.
func checkNarrow(t *testing.T, tab context.Context, what string) {
	t.Helper()
	const beyond = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 321 && !e.closest(".scroll, pre, .hidden, svg")).map(e => e.outerHTML.slice(0, 100)).join("\n")`
	if width := of(t, tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); width > 320 {
		t.Errorf("%s is %d wide: %s", what, width, of(t, tab, chromedp.Evaluate[string](beyond)))
	}
}

// With the keyboard one skips to the content, and searches.
func byKeyboard(t *testing.T, tab context.Context, s *server) {
	focused := func() string {
		return of(t, tab, chromedp.Evaluate[string](`document.activeElement.className + "#" + document.activeElement.id`))
	}
	act(t, tab, chromedp.Navigate(s.url+"/packages/example:markdown"), chromedp.KeyEvent(kb.Tab))
	if focused() != "skip#" {
		t.Errorf("the first that has the focus is %s", focused())
	}
	if top := of(t, tab, chromedp.Evaluate[float64](`document.activeElement.getBoundingClientRect().top`)); top < 0 {
		t.Errorf("it can not be seen: it is at %v", top)
	}
	act(t, tab, chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent("/"))
	if focused() != "#find" {
		t.Errorf("the slash leads to %s", focused())
	}
	act(t, tab, chromedp.KeyEvent("greeter"), chromedp.KeyEvent(kb.Enter), chromedp.WaitReady(chromedp.CSS(".two.search")))
	if text := pageText(t, tab); !strings.Contains(text, "Says hello on the command line.") {
		t.Errorf("found is\n%s", text)
	}
}

// What a hostile package says of itself is text, in its own place.
func besideHostile(t *testing.T, tab context.Context, s *server) {
	for _, path := range []string{"/", "/search", "/search?search=evil", "/packages/example:hostile", "/packages/example:hostile/1.0.1"} {
		act(t, tab, chromedp.Navigate(s.url+path))
		if n := of(t, tab, chromedp.Evaluate[int](`document.images.length + document.querySelectorAll("main script, main b").length`)); n != 0 {
			t.Errorf("%s: %d elements are of the package", path, n)
		}
		text := of(t, tab, chromedp.Evaluate[string](`document.documentElement.textContent`))
		if strings.ContainsAny(text, "\u202e\x1b") {
			t.Errorf("%s has characters that change what stands beside them", path)
		}
		if strings.HasPrefix(path, "/packages/") && !strings.Contains(text, "<script>alert(1)</script>[U+202E]evil") {
			t.Errorf("%s does not show the description as it is:\n%s", path, text)
		}
	}
}

// violation is what axe-core says of an element.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// axeSource is axe-core. Without it the test is skipped.
func axeSource(t *testing.T) string {
	t.Helper()
	top, err := tools.Top()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(top, ".cache", "tools", "axe.min.js"))
	if err != nil {
		t.Skip("axe-core is not there (make tools installs it where npm is): the pages were not looked at with it")
	}
	return string(source)
}

// checkAxe demands that axe-core finds nothing in what a tab shows, with all that can be
// opened on it open.
func checkAxe(t *testing.T, tab context.Context, source, what string) {
	t.Helper()
	act(t, tab, script(source))
	const run = `(async () => {
		for (const d of document.querySelectorAll("details")) d.open = true;
		await new Promise(requestAnimationFrame);
		await Promise.all(document.getAnimations().map((a) => a.finished)); // colours on the way to others
		return JSON.stringify((await axe.run(document, { resultTypes: ["violations"] })).violations);
	})()`
	var found []violation
	if err := json.Unmarshal([]byte(of(t, tab, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise))), &found); err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		for _, node := range v.Nodes {
			t.Errorf("%s: %s: %s\n%.300s\n%s", what, v.ID, v.Help, node.HTML, node.Summary)
		}
	}
}

// forEverybody: axe-core finds nothing that keeps people from using a page, light or dark.
func forEverybody(t *testing.T, tab context.Context, s *server) {
	source := axeSource(t)
	for _, scheme := range []string{"light", "dark"} {
		prefer(t, tab, scheme)
		for _, path := range webPages(t, s) {
			act(t, tab, chromedp.Navigate(s.url+path))
			checkAxe(t, tab, source, path+", "+scheme)
		}
	}
}

// A private registry asks for a token, shows its pages to who has one, and is left again.
func TestPrivatePagesInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium.Start(t)
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens)
	alice := s.withToken(t, publish)
	fillForWeb(t, alice, webPackages())
	waitIndexed(t, alice)

	tab := chromium.Tab(t, browser, tabTimeout)
	act(t, tab, chromedp.Navigate(s.url+"/packages/example:markdown"), chromedp.SendKeys(chromedp.CSS("#token"), "wrong"+kb.Enter), chromedp.WaitReady(chromedp.Search(`//p[contains(., "does not know that token")]`)))
	if text := pageText(t, tab); strings.Contains(text, "CommonMark") {
		t.Errorf("without a token the page is\n%s", text)
	}
	act(t, tab, chromedp.SendKeys(chromedp.CSS("#token"), read+kb.Enter), chromedp.WaitReady(chromedp.CSS("#versions")))
	if text := pageText(t, tab); !strings.Contains(text, "Turns CommonMark into HTML") {
		t.Errorf("with a token the page is\n%s", text)
	}
	act(t, tab, chromedp.Navigate(s.url+"/packages/example:image-resizer/1.0.4"))
	for _, link := range []string{"Download the file", "SBOM (CycloneDX)", "Proof of this release"} {
		fetched := `(async () => (await fetch([...document.querySelectorAll("a")].find(a => a.textContent === "` + link + `").href, { credentials: "omit" })).status)()`
		if status := of(t, tab, chromedp.Evaluate[int](fetched, chromedp.EvalAwaitPromise)); status != http.StatusOK {
			t.Errorf("%q leads to status %d", link, status)
		}
	}
	if status := of(t, tab, chromedp.Evaluate[int](`(async () => (await fetch("/v1/fetch/checkpoint")).status)()`, chromedp.EvalAwaitPromise)); status != http.StatusUnauthorized {
		t.Errorf("the API takes the cookie: status %d", status)
	}
	if kept := of(t, tab, chromedp.Evaluate[string](`document.cookie + JSON.stringify(localStorage)`)); strings.Contains(kept, read) {
		t.Errorf("scripts see the token: %s", kept)
	}
	act(t, tab, chromedp.Click(chromedp.Search(`//button[.="Sign out"]`)), chromedp.WaitReady(chromedp.CSS("#token")))
}

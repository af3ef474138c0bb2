// Package chromium runs pages in a real browser, Debian's Chromium, without a window.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Start starts a browser with a profile of its own, which ends with the test. It skips the
// test, and says why, where there is no Chromium.
func Start(t testing.TB, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not there (Debian package chromium; make tools installs it): the pages were not tried in a browser")
	}
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Getuid() == 0 {
		all = append(all, chromedp.NoSandbox) // which root can not have
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(all, options...)...)
	t.Cleanup(stop)
	browser, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(browser); err != nil { // starts it, for as long as this context lasts
		t.Fatalf("start chromium: %v", err)
	}
	return browser
}

// Tab opens a tab of a browser, with storage of its own, whose actions may take so long
// together. The page must not throw errors, nor try what its Content-Security-Policy
// forbids: the test fails at its end if it did.
func Tab(t testing.TB, browser context.Context, timeout time.Duration) context.Context {
	t.Helper()
	var mu sync.Mutex
	var complaints []string // guarded by mu
	complain := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, text)
	}
	opened, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if thrown := e.ExceptionDetails.Exception; thrown != nil {
				text += " " + thrown.Description
			}
			complain(text)
		case *log.EventEntryAdded:
			// Answers with a status of 400 and above are logged as errors of the network.
			// Without https the browser ignores one header of the pages, and says so.
			ignored := strings.HasPrefix(e.Entry.Text, "The Cross-Origin-Opener-Policy header has been ignored")
			if e.Entry.Source != log.EntrySourceNetwork && e.Entry.Level == log.EntryLevelError && !ignored {
				complain(e.Entry.Text)
			}
		}
	}))
	t.Cleanup(end)
	if err := chromedp.Do(opened); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, text := range complaints {
			t.Errorf("the browser says: %s", text)
		}
	})
	tab, cancel := context.WithTimeout(opened, timeout)
	t.Cleanup(cancel)
	return tab
}

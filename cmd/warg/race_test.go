package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// All of many who publish to one package at the same time succeed, also while it begins.
func TestPublishTogether(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	var all sync.WaitGroup
	for i := range 12 {
		file := u.write(fmt.Sprintf("%d.wasm", i), fmt.Sprint(i))
		all.Go(func() {
			u.expect(exitDone, "published version", "publish", "release", "-n", "example:many", "-v", fmt.Sprintf("1.0.%d", i), file)
		})
	}
	all.Wait()
}

// Who does not learn whether a record is published is told its id and how to wait on.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	isPost := func(request *http.Request) bool {
		return request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/record")
	}
	lost := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if isPost(request) {
			r.handler.ServeHTTP(httptest.NewRecorder(), request)
			panic(http.ErrAbortHandler)
		}
		r.handler.ServeHTTP(w, request)
	})
	u.expect(exitRefused, "warg publish wait example:lost sha256:", "publish", "init", "example:lost", "--registry", lost)

	asked := make(chan struct{}, 1000)
	processing := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if strings.Contains(request.URL.Path, "/record/") {
			asked <- struct{}{}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"recordId":"%s","state":"processing"}`, request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:])
			return
		}
		r.handler.ServeHTTP(w, request)
	})
	process := u.command("publish", "init", "example:ever", "--registry", processing)
	var says strings.Builder
	process.Stderr = &says
	must(t, process.Start())
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Error("it does not wait")
	}
	must(t, process.Process.Signal(os.Signal(syscall.SIGTERM)))
	if err := process.Wait(); err == nil || !strings.Contains(says.String(), "warg publish wait example:ever sha256:") {
		t.Errorf("ended with %v, and says %s", err, says.String())
	}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

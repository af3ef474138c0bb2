package main

import (
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// stopping answers requests while a server that is asked to stop still works: for a while
// it says that it is not ready, so that proxies send nothing more, and closes each
// connection behind its answer. Else a proxy may reuse one in the moment in which the
// server closes it, and can not send a request again that may have been carried out.
type stopping struct {
	next  http.Handler
	begun atomic.Bool
}

func (s *stopping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.begun.Load() {
		w.Header().Set("Connection", "close") // of HTTP/2, too: net/http ends that in order
		if r.URL.Path == "/readyz" {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
	}
	s.next.ServeHTTP(w, r)
}

// wait begins to stop, and returns after the delay or at another signal than SIGHUP.
func (s *stopping) wait(delay time.Duration, signals <-chan os.Signal) {
	s.begun.Store(true)
	if delay <= 0 {
		return
	}
	over := time.After(delay)
	for {
		select {
		case <-over:
			return
		case signal := <-signals:
			if signal != syscall.SIGHUP {
				return
			}
		}
	}
}

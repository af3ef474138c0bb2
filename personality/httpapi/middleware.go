package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// serveFunc answers a request or returns an error without having answered.
type serveFunc func(w http.ResponseWriter, r *http.Request) error

// endpoint turns the error of a serveFunc into an answer.
func (h *handler) endpoint(translate translator, serve serveFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			h.writeError(w, r, translate, err)
		}
	})
}

// guard gives requests their ids and clients, reports them when they are over, and answers
// for handlers that panic.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, outer *http.Request) {
		start := time.Now()
		r := h.identify(w, outer)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		recorder := &statusRecorder{ResponseWriter: w}
		defer func() {
			outer.Pattern = r.Pattern // for those around this handler
			h.report(r, recorder.status, time.Since(start))
		}()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				h.Logger.ErrorContext(r.Context(), "panic in a handler", "method", r.Method, "path", r.URL.Path,
					"panic", p, "stack", string(debug.Stack()))
				if recorder.status != 0 {
					panic(http.ErrAbortHandler) // too late to answer: cut the connection
				}
				h.Observer.Refused(reasonInternal)
				writeBody(recorder, http.StatusInternalServerError, internalError)
			}
		}()
		next.ServeHTTP(recorder, r)
	})
}

// report tells the observer, and at debug level the log, of a request that is
// over.
func (h *handler) report(r *http.Request, status int, took time.Duration) {
	status = observedStatus(r, status)
	h.Observer.Answered(route(r), status, took)
	if h.Logger.Enabled(r.Context(), slog.LevelDebug) {
		h.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", status, "took", took)
	}
}

// statusRecorder remembers what was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int   // 0: nothing yet
	bytes  int64 // of the body
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusRecorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom lets the server send files without copying them.
func (w *statusRecorder) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	return n, err
}

// Unwrap is for [http.ResponseController].
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// exposedHeaders are those of answers that scripts need, and do not see by themselves.
const exposedHeaders = "Accept-Ranges,Content-Range,Docker-Content-Digest,ETag,Link,OCI-Filters-Applied,Retry-After,Warg-Registry-Hint,WWW-Authenticate"

// crossOrigin lets scripts of all web sites use the API, as the reference does;
// there is nothing to protect: the API takes no cookies, and no token that a browser
// keeps. The pages do; see notForOthers.
func crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", exposedHeaders)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "GET,POST")
			w.Header().Set("Access-Control-Allow-Headers", "authorization,content-type,accept,range,if-none-match,if-range,warg-registry")
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &api.MessageError{Code: 404, Message: "the requested resource was not found"}
}

func wrongMethod(allowed string) serveFunc {
	if allowed == http.MethodGet {
		allowed = "GET, HEAD" // a GET route of the mux also takes HEAD
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed)
		return &api.MessageError{Code: 405, Message: "the requested resource takes only " + allowed}
	}
}

package sparselog

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// serverKinds are what lines of net/http's server begin with that clients cause.
var serverKinds = []string{
	"http: TLS handshake error",
	"http: Accept error", // as when connections use up all files
	"http2: ",
	"timeout waiting for ", // of HTTP/2
}

// ForServer is for [net/http.Server.ErrorLog]. A panic is always written, at level
// error; all else is a warning.
func (l *Log) ForServer() *log.Logger {
	return log.New(serverWriter{l}, "", 0)
}

// serverWriter gets a line at a time.
type serverWriter struct{ log *Log }

// Write never fails.
func (w serverWriter) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	if strings.Contains(text, "panic serving ") { // a mistake here, whoever found it
		w.log.logger.Error(text)
		return len(line), nil
	}
	kind := "http server"
	for _, k := range serverKinds {
		if strings.HasPrefix(text, k) {
			kind = k
			break
		}
	}
	w.log.Write(context.Background(), slog.LevelWarn, kind, text)
	return len(line), nil
}

package trilliansvc

import (
	"context"
	"log/slog"
	"sync"

	"k8s.io/klog/v2"
)

var redirectOnce sync.Once

// redirectKlog sends what Trillian logs to log. Once, since klog is one per
// process and may not be redirected while it is in use.
func redirectKlog(log *slog.Logger) {
	redirectOnce.Do(func() {
		klog.SetSlogLogger(slog.New(quieter{log.Handler()}).With("component", "trillian"))
	})
}

// quieter is a handler that passes errors on as they are and demotes the rest
// to debug messages: the signer writes one for each pass.
type quieter struct{ inner slog.Handler }

func demote(level slog.Level) slog.Level {
	if level < slog.LevelError {
		return slog.LevelDebug
	}
	return level
}

func (h quieter) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, demote(level))
}

func (h quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demote(r.Level)
	return h.inner.Handle(ctx, r)
}

func (h quieter) WithAttrs(attrs []slog.Attr) slog.Handler { return quieter{h.inner.WithAttrs(attrs)} }

func (h quieter) WithGroup(name string) slog.Handler { return quieter{h.inner.WithGroup(name)} }

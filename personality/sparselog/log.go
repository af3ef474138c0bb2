// Package sparselog writes log lines that come again and again, or that others can cause
// at will: a step that fails for hours, clients that do not speak TLS, or that ask while a
// part of the registry is away. Each kind is written once
// a minute, so that nobody fills the disk or hides other lines.
package sparselog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Period is the time in which one line of a kind is written.
const Period = time.Minute

// Log is a logger for such lines. It is safe for concurrent use.
type Log struct {
	logger *slog.Logger

	mu    sync.Mutex
	kinds map[string]*kind // those of which a line was written in the last period
}

// kind is what was not written since its last line.
type kind struct {
	count int
	last  slog.Record
	ctx   context.Context // of the last, for what handlers take from it
}

// New returns a log that writes to logger.
func New(logger *slog.Logger) *Log {
	return &Log{logger: logger, kinds: map[string]*kind{}}
}

// Write logs a line at once if none of its kind was written for a [Period]. Others are
// counted, and at the end of the period the newest of them is written, with the
// attribute count. What is counted when the process ends is not written. Each kind that
// is in use takes memory, so kinds come from the program and not from a request.
func (l *Log) Write(ctx context.Context, level slog.Level, name, message string, args ...any) {
	if !l.logger.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(time.Now(), level, message, 0)
	record.Add(args...)
	if l.isFirst(ctx, name, record) {
		l.logger.Handler().Handle(ctx, record)
	}
}

// isFirst says whether a line is to be written at once; else it is counted.
func (l *Log) isFirst(ctx context.Context, name string, record slog.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.kinds[name]; k != nil {
		k.count, k.last, k.ctx = k.count+1, record, context.WithoutCancel(ctx)
		return false
	}
	l.kinds[name] = new(kind)
	time.AfterFunc(Period, func() { l.end(name) })
	return true
}

// end writes what was counted in a period. If it was nothing, the next line is written
// at once.
func (l *Log) end(name string) {
	l.mu.Lock()
	k := l.kinds[name]
	if k.count == 0 {
		delete(l.kinds, name)
	} else {
		l.kinds[name] = new(kind)
		time.AfterFunc(Period, func() { l.end(name) })
	}
	l.mu.Unlock()
	if k.count > 0 {
		k.last.Add("count", k.count)
		l.logger.Handler().Handle(k.ctx, k.last)
	}
}

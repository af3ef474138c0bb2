package objects

import (
	"context"
	"errors"
	"time"
)

var errSilent = errors.New("the bucket was silent for too long")

// watch ends what a bucket is asked for, when nothing comes of it for the bucket's
// timeout. It belongs to one goroutine.
type watch struct {
	of     *Bucket
	asked  context.Context // of who asks
	ctx    context.Context // what the bucket is asked with
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (b *Bucket) watch(asked context.Context) *watch {
	w := &watch{of: b, asked: asked}
	w.ctx, w.cancel = context.WithCancelCause(asked)
	w.timer = time.AfterFunc(b.timeout, func() { w.cancel(errSilent) })
	return w
}

// moved begins the time anew.
func (w *watch) moved() { w.timer.Reset(w.of.timeout) }

// pause stops it, while it is not the bucket that is waited for.
func (w *watch) pause() { w.timer.Stop() }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

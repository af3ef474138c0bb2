package outbound

import (
	"context"
	"io"
	"time"
)

// body is what is being fetched. It belongs to one goroutine.
type body struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	options *Options
	idle    *time.Timer
	from    io.ReadCloser // nil until there is an answer

	waits time.Duration // how long its host was waited for; what we do with it does not count
	bytes int64
}

// Read waits for the host; only that time counts for its pace.
func (b *body) Read(p []byte) (int, error) {
	asked := time.Now()
	b.idle.Reset(b.options.Idle)
	n, err := b.from.Read(p)
	b.idle.Stop()
	b.bytes += int64(n)
	b.waits += time.Since(asked)
	if err == io.EOF {
		return n, err
	}
	if err != nil {
		return n, failed(b.ctx, err)
	}
	if b.waits > b.options.Grace && float64(b.bytes) < float64(b.options.MinRate)*(b.waits-b.options.Grace).Seconds() {
		b.cancel(errSlow)
		return n, failed(b.ctx, errSlow)
	}
	return n, nil
}

func (b *body) Close() error {
	b.idle.Stop()
	b.cancel(nil)
	if b.from == nil {
		return nil
	}
	return b.from.Close()
}

package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Errors of the methods that answer.
var (
	// ErrNotFound: there is no such package, release, interface, key or WIT here.
	ErrNotFound = errors.New("not found")
	// ErrBadQuery: the question is wrong; the text of the error says what.
	ErrBadQuery = errors.New("the query is not valid")
	// ErrUnavailable: the index can not be used now.
	ErrUnavailable = errors.New("the index of packages is not available at the moment; try again later")
)

// FileName is that of the database in the data folder.
const FileName = "discovery.sqlite"

// Log is what was published. Its errors are those of package reader.
type Log interface {
	LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error)
	// Envelopes returns the names and envelopes of up to count leaves from start on, about
	// maxBytes of them, one at least.
	Envelopes(ctx context.Context, start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error)
	// Withheld returns a page of the operator's statements.
	Withheld(ctx context.Context, from uint64) (withheld.Page, error)
	// OpenContent opens a content that is kept.
	OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error)
}

// Describer says what is in a content. It bounds what it takes and gives by itself.
type Describer interface {
	// Version is that of what it does: another one means that contents are to be described
	// again. Not 0.
	Version() int
	// Describe describes a content of size bytes, and its WIT, nil if it has none. Content
	// that is not valid is no error. wit may be nil although the rest is there.
	Describe(ctx context.Context, content io.ReaderAt, size int64) (discovery.Description, *discovery.WIT, error)
}

// Options of [New].
type Options struct {
	DataDir   string
	Log       Log
	Describer Describer // nil: contents stay undescribed
	// Workers is how many contents are described at a time; 0: one for four processors.
	Workers int
	// Published returns a channel that is closed when there is a new checkpoint; it only
	// saves waiting. nil: it is looked for.
	Published func() <-chan struct{}
	// Pause is the shortest time between two looks at the log, so that records share a
	// transaction; 0: 300 ms.
	Pause  time.Duration
	Logger *slog.Logger     // nil: [slog.Default]
	Now    func() time.Time // nil: [time.Now]
}

// Index is the index. Safe for concurrent use. It answers while [Index.Run] runs.
type Index struct {
	options Options
	file    string

	mu       sync.RWMutex            // readers hold it while they use db
	db       *database               // guarded by mu; nil: not open
	abort    context.CancelCauseFunc // guarded by mu; ends the work on db
	failure  atomic.Pointer[error]
	full     atomic.Pointer[error] // why nothing could be written the last time; nil: it could
	revision atomic.Uint64         // goes up with every change
	instance string                // of this process: revisions of others mean nothing

	position   atomic.Uint64 // records that were read
	statements atomic.Uint64 // that were read
	published  atomic.Uint64 // length of the newest checkpoint that was seen
	pace       pace
	filled     atomic.Bool   // it was up to the log once
	described  atomic.Uint64 // contents, since the start
	changed    wake.Broadcast
	counts     countsCache
	pages      answers[discovery.Page]
	facets     answers[discovery.Facets]
	trouble    *sparselog.Log // of reads that failed
}

// New returns an index; nothing is opened before [Index.Run].
func New(o Options) *Index {
	o.Workers = cmp.Or(o.Workers, max(1, runtime.NumCPU()/4))
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Pause = cmp.Or(o.Pause, followPause)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Published == nil {
		o.Published = func() <-chan struct{} { return nil }
	}
	x := &Index{options: o, file: filepath.Join(o.DataDir, FileName), instance: fmt.Sprintf("%x", o.Now().UnixNano())}
	x.trouble = sparselog.New(x.options.Logger)
	x.fail(errors.New("it is not opened yet"))
	return x
}

// How long Run waits before it tries again.
const (
	failurePause = 10 * time.Second
	remakePause  = time.Second
	// fullPauses is how many times [Options].Pause work stops where the disk takes nothing.
	fullPauses = 30
)

// Run opens the index, keeps it up to the log and describes contents until ctx ends.
// Nothing of it is in anybody's way: what fails is logged and tried again, and meanwhile
// the methods return [ErrUnavailable].
func (x *Index) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := x.work(ctx)
		x.close()
		if ctx.Err() != nil {
			return
		}
		x.fail(err)
		pause := failurePause
		if errors.Is(err, errRemake) {
			x.options.Logger.Warn("the index of packages is made anew", "file", x.file, "reason", err)
			if err := removeFile(x.file); err != nil {
				x.fail(err)
				x.options.Logger.Error("the index of packages can not be removed; discovery answers nothing until it is", "file", x.file, "error", err)
			}
			pause = remakePause
		} else {
			x.options.Logger.Error("the index of packages can not be used; discovery answers nothing, and all else goes on", "file", x.file, "error", err)
		}
		wake.Sleep(ctx, pause, nil)
	}
}

// work opens the index and works on it until something fails.
func (x *Index) work(ctx context.Context) error {
	db, err := openDatabase(ctx, x.file)
	if err != nil {
		return err
	}
	if err := x.check(ctx, db); err != nil {
		return errors.Join(err, db.close())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.mu.Lock()
	x.db, x.abort = db, cancel
	x.mu.Unlock()
	x.failure.Store(nil)

	var beside sync.WaitGroup
	run := func(f func(context.Context, *database) error) {
		beside.Go(func() {
			if err := f(ctx, db); err != nil {
				cancel(damage(err))
			}
		})
	}
	run(x.follow)
	if x.options.Describer != nil {
		run(x.describe)
	}
	beside.Wait()
	return context.Cause(ctx)
}

func (x *Index) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db != nil {
		if err := x.db.close(); err != nil {
			x.options.Logger.Warn("the index of packages was not closed in good order", "error", err)
		}
		x.db = nil
	}
	x.revision.Add(1) // nobody is given what was answered before
}

func (x *Index) fail(err error) { x.failure.Store(&err) }

// waitForDisk waits if err is that the disk takes nothing now, and reports whether it is:
// what is in the index is served meanwhile.
func (x *Index) waitForDisk(ctx context.Context, err error) bool {
	if !isFull(err) {
		return false
	}
	x.full.Store(&err)
	x.trouble.Write(ctx, slog.LevelError, "write", "the index of packages can not be written; discovery answers from what is there, and it is tried again", "file", x.file, "error", err)
	wake.Sleep(ctx, fullPauses*x.options.Pause, nil)
	return true
}

// Remarks says what is wrong with the index; nothing if all is well.
func (x *Index) Remarks() []string {
	if err := x.failure.Load(); err != nil {
		return []string{fmt.Sprintf("the index of packages can not be used: %v", *err)}
	}
	if err := x.full.Load(); err != nil {
		return []string{fmt.Sprintf("the index of packages can not be written, and is not up to date: %v", *err)}
	}
	return nil
}

// view runs f on a snapshot of the index.
func (x *Index) view(ctx context.Context, f func(tx) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.db == nil {
		return ErrUnavailable
	}
	err := x.db.view(ctx, f)
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrBadQuery) || errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	x.trouble.Write(ctx, slog.LevelError, "read", "the index of packages can not be read", "error", err)
	if err = damage(err); errors.Is(err, errRemake) {
		x.abort(err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Tag changes whenever an answer may: a part of an ETag.
func (x *Index) Tag() string {
	return fmt.Sprintf("%s-%x-%x", x.instance, x.position.Load(), x.revision.Load())
}

func badQuery(format string, args ...any) error {
	return &queryError{fmt.Sprintf(format, args...)}
}

type queryError struct{ text string }

func (e *queryError) Error() string        { return e.text }
func (e *queryError) Is(target error) bool { return target == ErrBadQuery }

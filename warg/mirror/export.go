package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// stateDir is the folder in an export that is no part of the registry.
const stateDir = ".export"

// Options of [Export].
type Options struct {
	// Source is what is copied.
	Source audit.Source
	// VKeys are the public keys of the notes, "<name>+<hash>+<base64>": those of one
	// log or of both. Of a log without one, the keys of the first export are believed.
	VKeys []string
	// Parallel is how many files are fetched at a time; 0: 4.
	Parallel int
	// Content asks for every released content, too.
	Content bool
	// MaxContent is the largest content that is fetched, in bytes; 0: 1 GiB.
	MaxContent int64
	// RemoveWithheld has contents removed from the folder that the registry's operator
	// withholds. Without it they stay: what is withheld there need not be here.
	RemoveWithheld bool
	// Verify has all files in the folder verified, and those that are damaged fetched
	// again. Without it, only those are that are missing or have a size that can not be
	// right.
	Verify bool
	// Progress is called after each part of the work, by several goroutines but one at
	// a time; nil: it is not.
	Progress func(Progress)
}

// Progress is how far an export has come.
type Progress struct {
	Log        tlog.Log // "" for content
	Done, Size uint64   // leaves of the log, or contents
}

// Report is what an export has done.
type Report struct {
	Logs    []LogReport
	Content *ContentReport // nil if content was not asked for
	// Withheld is about the operator's list of withheld content; nil if there is none.
	Withheld *WithheldReport
}

// LogReport is what an export has done about a log.
type LogReport struct {
	Log    tlog.Log
	Head   tlog.TreeHead // that the folder has now
	Before uint64        // leaves that the folder had
	Keys   KeySource
	Files  int   // written now
	Bytes  int64 // in them
	// Repaired are how many of the files were in the folder before, damaged, or should
	// have been.
	Repaired int
}

// exporter is one export under way.
type exporter struct {
	options Options
	out     *output
	report  Report

	hash     bool            // contents in the folder are hashed
	withheld *withheld.Chain // as the folder has it; nil: there is none

	mu       sync.Mutex             // held while contents are fetched, of the results, the report and:
	lost     map[protocol.Hash]bool // contents that the folder had
	failures []error                // of asking for contents
	blocked  []Release              // of which the registry says that they are withheld, and no statement does
}

// Export copies the logs of a registry into a folder, or brings the folder up to date.
// It may be ended at any point, with the machine too, and run again: the folder always
// holds complete logs of the tree heads in it, and what was fetched for the next ones is
// used. Readers of the folder may see a partial tile of the tree head before vanish.
//
// Files that the folder should have and has not, or with a size that can not be right, are
// fetched again; [Options.Verify] looks at what is in them.
//
// The records log is at least as long as the newest checkpoint in the checkpoints log.
//
// Errors: [*InconsistentError]; others say nothing about the registry's honesty. The
// report is right about what was done in either case.
func Export(ctx context.Context, dir string, o Options) (Report, error) {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	o.Parallel = cmp.Or(o.Parallel, 4)
	o.MaxContent = cmp.Or(o.MaxContent, 1<<30)
	if err := CheckVKeys(o.VKeys); err != nil {
		return Report{}, err
	}
	out, err := openOutput(dir)
	if err != nil {
		return Report{}, err
	}
	defer out.root.Close()
	unlock, err := out.lock()
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", dir, err)
	}
	defer unlock()
	e := &exporter{options: o, out: out}
	if err := e.run(ctx); err != nil {
		return e.report, err
	}
	return e.report, nil
}

func (e *exporter) run(ctx context.Context) error {
	// The newest checkpoint first, then records: they are as many at least as it says.
	checkpoints, err := e.beginLog(ctx, tlog.Checkpoints)
	if err != nil {
		return err
	}
	records, err := e.beginLog(ctx, tlog.Records)
	if err != nil {
		return err
	}
	for _, log := range []*logExport{records, checkpoints} {
		err := log.run(ctx)
		e.report.Logs = append(e.report.Logs, log.report())
		if err != nil {
			return err
		}
	}
	if err := e.out.sweep("tlog", func(path string) bool { return records.needs(path) || checkpoints.needs(path) }); err != nil {
		return fmt.Errorf("remove what is left over: %w", err)
	}
	if err := errors.Join(e.copyStatements(ctx, records.head.Size), e.dropWithheld()); err != nil || !e.options.Content {
		return err
	}
	return e.fetchContents(ctx, records.head.Size)
}

// lock takes the folder for this export.
func (o *output) lock() (unlock func(), err error) {
	if err := o.root.MkdirAll(stateDir, 0o755); err != nil {
		return nil, err
	}
	f, err := o.root.OpenFile(filepath.Join(stateDir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

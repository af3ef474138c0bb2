package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type watchCommand struct {
	URL      string        `arg:"" help:"URL of the registry."`
	Names    []pattern     `arg:"" name:"name" help:"Packages, such as example:hello, and namespaces, such as 'example:*'."`
	State    string        `type:"path" placeholder:"DIR" help:"State folder of this watch, so that nothing is missed while it does not run. Without it, it begins with what comes now."`
	Expected string        `type:"path" placeholder:"FILE" help:"TOML file with the keys that are expected, and whether yanks are. What it does not speak of is expected to keep the keys that it has."`
	Interval time.Duration `default:"30s" placeholder:"TIME" help:"Pause between two looks (default: ${default}). After a failure it is doubled, up to 5m."`
	Once     bool          `help:"Look once, and end."`
	alertFlags
	noteFlags
	sourceFlags
	outputFlags
}

// Help is shown by `watch --help`.
func (watchCommand) Help() string {
	return "Reads the records log, which continues what was read before, and tells about each new record of the packages; and apart from that, " +
		"in lines that begin with UNEXPECTED and to the alert command, about a key, a permission or a yank that is not expected.\n\n" +
		"It ends with SIGINT or SIGTERM. Exit status: 0 if nothing unexpected came until then, 1 if something did, 2 if the registry " +
		"could not be asked once."
}

// Run watches until the context ends.
func (c watchCommand) Run(env *environment) error {
	var e *expectations
	if c.Expected != "" {
		var err error
		if e, err = readExpectations(c.Expected); err != nil {
			return err
		}
	}
	vkeys, err := c.vkeys()
	if err != nil {
		return err
	}
	policy, _, err := c.policy()
	if err != nil {
		return err
	}
	source, err := c.sourceFlags.open(c.URL)
	if err != nil {
		return err
	}
	store, err := openState(c.State)
	if err != nil {
		return err
	}
	defer store.Close()
	watched, err := openWatched(env.context, store, c.Names, e)
	if err != nil {
		return err
	}
	w := &watcher{
		watched: watched, reader: mirror.RecordsReader{Source: source, VKeys: vkeys, Policy: policy, Known: watched.position.Head}, alert: c.alert(),
		out: c.outputFlags.open(env), stderr: env.stderr, pace: pace{interval: c.Interval}, once: c.Once,
	}
	if c.Once {
		err := w.round(env.context)
		if w.tellFailure(err); err != nil && w.found == 0 {
			return err
		}
		return w.outcome()
	}
	return w.run(env.context)
}

// watcher reads the records log again and again.
type watcher struct {
	watched *watched
	reader  mirror.RecordsReader
	alert   func([]byte) error
	out     *output
	stderr  io.Writer
	pace    pace
	once    bool
	found   int
	said    string // why the last round failed
	looked  bool   // a round came to its end
}

// run watches until the context ends.
func (w *watcher) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.round(ctx)
		if ctx.Err() != nil {
			break
		}
		w.looked = w.looked || err == nil
		w.tellFailure(err)
		if err := w.out.failed(); err != nil {
			return err
		}
		w.pace.rest(ctx, err != nil)
	}
	if w.found == 0 && !w.looked {
		return fmt.Errorf("no look at the registry came to its end: %w", errEnded)
	}
	return w.outcome()
}

func (w *watcher) outcome() error {
	if w.found > 0 {
		return errFindings
	}
	return w.out.failed()
}

// round reads what is new and tells it.
func (w *watcher) round(ctx context.Context) error {
	err := w.reader.Read(ctx, w.watched.read, func(r mirror.Record) error {
		told, err := w.watched.visit(r)
		if err == nil && told != nil {
			w.tell(told)
		}
		return err
	})
	return errors.Join(err, w.watched.commit(context.WithoutCancel(ctx), w.reader.Known))
}

// tell tells about a record, and apart from that about what is not expected.
func (w *watcher) tell(r *watchedRecord) {
	w.out.say("record", r, r.lines()...)
	for _, c := range r.unexpected() {
		w.found++
		object := unexpectedChange{r.Package, r.Index, r.RecordID, c}
		w.out.say("unexpected", object) // people have read it among the lines above
		w.giveAlert(jsonLine("unexpected", object))
	}
}

// unexpectedChange is what is told apart, as JSON.
type unexpectedChange struct {
	Package  string        `json:"package"`
	Index    uint64        `json:"index"`
	RecordID protocol.Hash `json:"recordId"`
	change
}

// tellFailure tells, once, why a round failed: of a registry that contradicts what was
// read before, as of a record that is not expected.
func (w *watcher) tellFailure(err error) {
	text := fmt.Sprint(err)
	if text == w.said {
		return
	}
	w.said = text
	var e *mirror.InconsistentError
	if !errors.As(err, &e) {
		if err != nil && !w.once {
			w.complain(err)
		}
		return
	}
	w.found++
	object := inconsistentFile{e.Log, e.Path, e.Err.Error()}
	w.out.say("inconsistent", object, inconsistentLine(e), "  `warg-auditor audit` says more, with evidence.")
	w.giveAlert(jsonLine("inconsistent", object))
}

// giveAlert gives an alert, if anybody wants one.
func (w *watcher) giveAlert(line []byte) {
	if w.alert == nil {
		return
	}
	if err := w.alert(line); err != nil {
		w.complain(err)
	}
}

// complain tells of what is wrong here, or of a registry that can not be asked.
func (w *watcher) complain(err error) { complain(w.stderr, err) }

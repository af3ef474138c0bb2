package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg-auditor/internal/state"
	"github.com/warg-trillian/warg-trillian/warg/audit"
)

type followCommand struct {
	URL           string        `arg:"" help:"URL of the registry."`
	State         string        `required:"" type:"path" placeholder:"DIR" help:"State folder of this registry, with what is known. It is made if it is missing; keep it from others."`
	Also          []string      `sep:"none" placeholder:"URL" help:"Another place where the same registry is served, such as by another network, whose logs must be the same (repeatable)."`
	Interval      time.Duration `default:"10s" placeholder:"TIME" help:"Pause between two rounds (default: ${default}). After a failure it is doubled, up to 5m."`
	MetricsListen string        `placeholder:"ADDRESS" help:"Address, such as 127.0.0.1:9100, on which metrics for Prometheus are served."`
	EvidenceDir   string        `type:"path" placeholder:"DIR" help:"Folder for the evidence of findings (default: evidence in the state folder)."`
	ExitOnFinding bool          `help:"End with status 1 after the first round with a finding, or, if an earlier process found something that is not well again, after the first round."`
	alertFlags
	auditFlags
	sourceFlags
	outputFlags
}

// Help is shown by `follow --help`.
func (followCommand) Help() string {
	return "Audits again and again, from where the round before ended, and compares several views of the registry. A finding is told once: as a " +
		"line, to the alert command, and in the metrics.\n\n" +
		"It ends with SIGINT or SIGTERM. Exit status: 0 if nothing was found until then, also by earlier processes with this state, 1 if something was, " +
		"2 if the registry could not be audited once."
}

// Run follows until the context ends.
func (c followCommand) Run(env *environment) error {
	options, err := c.auditFlags.options()
	if err != nil {
		return err
	}
	source, err := c.sourceFlags.open(c.URL)
	if err != nil {
		return err
	}
	others, err := c.openAll(c.Also)
	if err != nil {
		return err
	}
	store, err := state.Open(c.State)
	if err != nil {
		return err
	}
	defer store.Close()
	if c.EvidenceDir == "" {
		c.EvidenceDir = filepath.Join(c.State, "evidence")
	}
	out, shown := c.outputFlags.open(env), c.progress(env)
	f := &follower{
		registry: c.URL, others: others, pace: pace{interval: c.Interval}, exitOnFinding: c.ExitOnFinding, metrics: newMetrics(), out: out, stderr: env.stderr,
		clear: shown.clear, teller: &teller{out: out, evidenceDir: c.EvidenceDir, before: shown.clear, alert: c.alert(), store: store},
	}
	f.teller.onNew = func(name audit.Name) { f.metrics.findings.WithLabelValues(string(name)).Inc() }
	options.Progress = func(p audit.Progress) { shown.show(p.Doing, p.Done, p.Of) }
	options.Found = func(found audit.Finding) { f.teller.tell(context.WithoutCancel(env.context), found) }
	if f.auditor, err = audit.New(source, store, options); err != nil {
		return err
	}
	if c.MetricsListen != "" {
		stop, err := f.metrics.serve(c.MetricsListen, env.stderr)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := f.teller.recall(env.context); err != nil {
		return err
	}
	f.options = options
	f.metrics.open.Set(float64(f.teller.count()))
	return f.run(env.context)
}

// follower audits a registry again and again.
type follower struct {
	registry      string
	auditor       *audit.Auditor
	options       audit.Options // of it
	others        []audit.Source
	exitOnFinding bool
	teller        *teller
	metrics       *metrics
	out           *output
	stderr        io.Writer
	clear         func() // removes the line that shows progress

	pace     pace
	said     string // why the last round failed, or what it could not check
	complete bool   // a round came to its end
	failed   error  // why the last one did not
}

// run audits until the context ends.
func (f *follower) run(ctx context.Context) error {
	for ctx.Err() == nil {
		failed := f.round(ctx)
		if err := f.out.failed(); err != nil {
			return err
		}
		if f.exitOnFinding && f.found() {
			return errFindings
		}
		f.pace.rest(ctx, failed)
	}
	if f.found() {
		return errFindings
	}
	if !f.complete {
		return fmt.Errorf("no round came to its end: %w", cmp.Or(f.failed, errEnded))
	}
	return nil
}

// found tells whether this process has found something, or an earlier one what is not
// well again.
func (f *follower) found() bool {
	return len(f.teller.new)+f.teller.count()+f.teller.suppressed() > 0
}

// round makes one round, with all vantage points, and tells what it came to. It has
// failed if the registry itself could not be audited: another vantage point that is away
// is told, and does not slow the audit down.
func (f *follower) round(ctx context.Context) (failed bool) {
	begun := time.Now()
	report, err := f.auditor.Round(ctx)
	failed = err != nil
	if err == nil {
		for _, other := range f.others {
			compared, failed := f.auditor.Compare(ctx, other)
			report = merged(report, compared)
			if failed != nil && ctx.Err() == nil {
				f.metrics.failures.WithLabelValues(other.String()).Inc()
				err = errors.Join(err, fmt.Errorf("vantage point %s: %w", other, failed))
			}
		}
	}
	f.clear()
	if ctx.Err() != nil {
		return false // it was ended: what it says of the registry is nothing
	}
	f.complete, f.failed = f.complete || !failed, err
	f.teller.tellAll(context.WithoutCancel(ctx), report)
	if err == nil {
		f.teller.endRound(context.WithoutCancel(ctx), report, f.options)
	}
	f.metrics.round(report, f.teller.count(), err, time.Since(begun), time.Now())
	f.sayRound(report, err)
	f.complain(f.teller.failed())
	return failed
}

// sayRound says what a round came to, if that is news.
func (f *follower) sayRound(report *audit.Report, failed error) {
	if failed != nil && report == nil {
		report = new(audit.Report)
	}
	news := fmt.Sprint(failed, report.Unchecked)
	if news == f.said && report.NewRecords == 0 {
		return
	}
	lines := reportLines(f.registry, report, f.teller.count(), failed)
	if news == f.said { // what is not checked was said before
		lines = lines[len(lines)-1:]
	}
	if failed != nil && news != f.said {
		lines = slices.Insert(lines, 0, fmt.Sprintf("could not audit: %v", failed))
	}
	f.said = news
	f.out.say("report", reportOf(f.registry, report, f.teller.count(), failed), lines...)
}

// complain tells of what is wrong here, not at the registry.
func (f *follower) complain(err error) {
	if err != nil {
		complain(f.stderr, err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg-auditor/internal/state"
	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// auditFlags say what is checked, and how strictly.
type auditFlags struct {
	operatorFlags
	noteFlags
	Content          bool          `help:"Fetch the content of every release, and check its bytes."`
	MaxContent       int64         `default:"1073741824" placeholder:"BYTES" help:"Largest content that is fetched, in bytes (default: ${default})."`
	CheckAgain       time.Duration `default:"24h" placeholder:"TIME" help:"In which time everything is looked at again that was right before: answers for each log, contents, files (default: ${default})."`
	MaxCheckpointAge time.Duration `placeholder:"TIME" help:"How long ago the latest checkpoint may have been signed, such as 1h (default: 24h of a registry with static files, any time of another)."`
	MaxNoteAge       time.Duration `default:"24h" placeholder:"TIME" help:"For how long a note may be behind the checkpoints, and how long ago the quorum of the policy may have cosigned it (default: ${default})."`
	MaxUnlogged      time.Duration `default:"1h" placeholder:"TIME" help:"For how long a checkpoint may be missing from the checkpoints log (default: ${default})."`
	ClockTolerance   time.Duration `default:"2m" placeholder:"TIME" help:"How far ahead of this machine's clock times may be (default: ${default})."`
}

// options are the engine's, without what it tells to whom.
func (f auditFlags) options() (audit.Options, error) {
	if _, err := f.vkeys(); err != nil {
		return audit.Options{}, err
	}
	_, policy, err := f.policy()
	return audit.Options{
		OperatorKey: f.OperatorKey.PublicKey, VKeys: f.VKeys, Policy: policy, Content: f.Content, MaxContent: f.MaxContent, CheckAgain: f.CheckAgain,
		MaxCheckpointAge: f.MaxCheckpointAge, MaxNoteAge: f.MaxNoteAge, MaxUnlogged: f.MaxUnlogged, ClockTolerance: f.ClockTolerance,
	}, err
}

type auditCommand struct {
	Registry    string   `arg:"" name:"url|dir" help:"URL of the registry, or folder of an export."`
	Also        []string `sep:"none" placeholder:"URL" help:"Another place where the same registry is served, whose logs must be the same (repeatable)."`
	State       string   `type:"path" placeholder:"DIR" help:"State folder, to go on from where the audit before ended."`
	Again       bool     `help:"With --state: look at everything again that was right before, whenever that was."`
	EvidenceDir string   `type:"path" default:"warg-evidence" placeholder:"DIR" help:"Folder for the evidence of findings; it is made if there are any (default: ${default})."`
	auditFlags
	sourceFlags
	outputFlags
}

// Help is shown by `audit --help`.
func (auditCommand) Help() string {
	return "Replays all records by the rules of the protocol, recomputes both roots at every checkpoint, and compares with that what the registry " +
		"signed, serves as files and answers on its API. Each finding has a name and a file with evidence, which `check` verifies.\n\n" +
		"Exit status: 0 if nothing was found, 1 if something was, 2 if the audit could not be made or not be ended."
}

// Run audits once.
func (c auditCommand) Run(env *environment) error {
	options, err := c.auditFlags.options()
	if err != nil {
		return err
	}
	options.Again = c.Again
	source, err := c.sourceFlags.open(c.Registry)
	if err != nil {
		return err
	}
	others, err := c.openAll(c.Also)
	if err != nil {
		return err
	}
	store, err := openState(c.State)
	if err != nil {
		return err
	}
	defer store.Close()
	out, shown := c.outputFlags.open(env), c.progress(env)
	teller := &teller{out: out, evidenceDir: c.EvidenceDir, before: shown.clear, store: store}
	options.Progress = func(p audit.Progress) { shown.show(p.Doing, p.Done, p.Of) }
	options.Found = func(f audit.Finding) { teller.tell(context.WithoutCancel(env.context), f) }
	auditor, err := audit.New(source, store, options)
	if err != nil {
		return err
	}
	if err := teller.recall(env.context); err != nil {
		return err
	}
	report, failed := auditor.Round(env.context)
	for _, other := range others {
		if failed != nil {
			break
		}
		var compared *audit.Report
		compared, failed = auditor.Compare(env.context, other)
		report = merged(report, compared)
	}
	shown.clear()
	teller.tellAll(context.WithoutCancel(env.context), report)
	if failed == nil {
		teller.endRound(env.context, report, options)
	}
	if report != nil {
		out.say("report", reportOf(c.Registry, report, teller.count(), failed), reportLines(c.Registry, report, teller.count(), failed)...)
	}
	if err := outcome(out, teller, failed); !errors.Is(err, errFindings) {
		return err
	}
	for _, err := range []error{failed, teller.failed(), out.failed()} {
		if err != nil {
			env.report(err)
		}
	}
	return errFindings
}

// outcome is the error of a command that has audited: findings go before failures.
func outcome(out *output, teller *teller, failed error) error {
	switch {
	case teller.count() > 0 || teller.suppressed() > 0:
		return errFindings
	case failed != nil:
		return failed
	case teller.failed() != nil:
		return teller.failed()
	}
	return out.failed()
}

// openState opens the state in a folder, or one that ends with the process.
func openState(dir string) (*state.Store, error) {
	if dir == "" {
		return state.Temporary()
	}
	return state.Open(dir)
}

// openAll opens other places of the registry.
func (f sourceFlags) openAll(places []string) ([]audit.Source, error) {
	var all []audit.Source
	for _, place := range places {
		source, err := f.open(place)
		if err != nil {
			return nil, fmt.Errorf("--also: %w", err)
		}
		all = append(all, source)
	}
	return all, nil
}

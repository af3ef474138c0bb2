package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

type exportCommand struct {
	URL        string   `arg:"" help:"URL of the registry, or an export of it."`
	Dir        string   `arg:"" type:"path" help:"Folder to write; it is made if it is missing."`
	VKeys      []string `name:"vkey" sep:"none" placeholder:"VKEY" help:"Public key of a log's notes, <name>+<hash>+<base64> (repeatable). Without it, those of the first export are believed."`
	Content    bool     `help:"Copy released content, too, into DIR/content."`
	MaxContent int64    `default:"1073741824" placeholder:"BYTES" help:"Largest content that is copied, in bytes (default: ${default})."`
	Remove     bool     `name:"remove-withheld" help:"Remove content from DIR that the registry's operator withholds. Without it, what DIR had before stays."`
	Verify     bool     `help:"Verify all that is in the folder, too, and fetch what is damaged again. Without it, what is missing or has a wrong size is."`
	Parallel   int      `default:"4" placeholder:"N" help:"Files that are fetched at a time (default: ${default})."`
	sourceFlags
	outputFlags
}

// Help is shown by `export --help`.
func (exportCommand) Help() string {
	return "Copies tiles, entries, envelopes and tree heads of both logs, each verified before it is written, into a folder laid out as " +
		"a registry serves them. Run it again to bring the folder up to date and complete; it may be ended at any point. " +
		"Any file server over the folder is a registry for auditors, and `audit DIR` audits it.\n\n" +
		"The operator's signed list of withheld content is verified and copied, too, to DIR/withheld.jsonl; what it withholds is not copied.\n\n" +
		"Exit status: 1 if the registry contradicts itself or the folder, or has no or other bytes of a content (these are listed), 2 if it " +
		"could not be asked for everything, or a content is larger than --max-content (these are listed)."
}

// Run exports.
func (c exportCommand) Run(env *environment) error {
	source, err := c.sourceFlags.open(c.URL)
	if err != nil {
		return err
	}
	out, shown := c.outputFlags.open(env), c.progress(env)
	report, err := mirror.Export(env.context, c.Dir, mirror.Options{
		Source: source, VKeys: c.VKeys, Parallel: c.Parallel, Content: c.Content, MaxContent: c.MaxContent, Verify: c.Verify, RemoveWithheld: c.Remove,
		Progress: func(p mirror.Progress) {
			what := string(p.Log)
			if p.Log == "" {
				what = "contents of records"
			}
			shown.show(what, p.Done, p.Size)
		},
	})
	shown.clear()
	for _, log := range report.Logs {
		out.say("log", exportedLog{log.Log, log.Head.Origin, log.Before, log.Head.Size, log.Head.Root.String(), log.Keys, log.Files, log.Bytes, log.Repaired},
			fmt.Sprintf("%s: %d leaves, %d before; %d files of %d bytes written%s%s", log.Head.Origin, log.Head.Size, log.Before, log.Files, log.Bytes, repairRemark(log.Repaired), keyRemark(log.Keys)))
	}
	if list := report.Withheld; list != nil {
		out.say("withheld", exportedList{list.Statements, list.New, list.InForce, list.Unverified, notNil(list.Kept), notNil(list.Removed)}, listLines(list)...)
	}
	lacking := false
	if content := report.Content; content != nil {
		lacking = len(content.Withheld)+len(content.Altered) > 0
		out.say("content", exportedContent{content.Fetched, content.Bytes, content.Repaired, notNil(content.Withheld), notNil(content.Altered), notNil(content.TooLarge), notNil(content.Blocked)},
			contentLines(content)...)
		if err == nil && len(content.TooLarge) > 0 {
			err = fmt.Errorf("%d contents are larger than --max-content %d, and not copied", len(content.TooLarge), c.MaxContent)
		}
	}
	var inconsistent *mirror.InconsistentError
	switch {
	case errors.As(err, &inconsistent):
		out.say("inconsistent", inconsistentFile{inconsistent.Log, inconsistent.Path, inconsistent.Err.Error()},
			inconsistentLine(inconsistent), "  `warg-auditor audit` says more, with evidence. Nothing that contradicts was written.")
		return errFindings
	case lacking:
		if err != nil {
			complain(env.stderr, err)
		}
		return errFindings
	case err != nil:
		return err
	}
	return out.failed()
}

// contentLines tell people about content.
func contentLines(content *mirror.ContentReport) []string {
	lines := []string{fmt.Sprintf("contents: %d fetched, %d bytes%s", content.Fetched, content.Bytes, repairRemark(content.Repaired))}
	for _, r := range content.Withheld {
		lines = append(lines, fmt.Sprintf("FOUND content-withheld: the registry does not give the content of %s, record %d", r, r.Index))
	}
	for _, r := range content.Altered {
		lines = append(lines, fmt.Sprintf("FOUND content-altered: the registry gives other bytes for the content of %s, record %d", r, r.Index))
	}
	for _, r := range content.Blocked {
		lines = append(lines, withheldLine("not copied", r))
	}
	for _, r := range content.TooLarge {
		lines = append(lines, fmt.Sprintf("not copied: the content of %s, record %d: it is larger than --max-content", r, r.Index))
	}
	return lines
}

// listLines tell people about the operator's list of withheld content.
func listLines(list *mirror.WithheldReport) []string {
	lines := []string{fmt.Sprintf("withheld content: %d statements of the operator, %d before; %d contents are withheld", list.Statements, list.Statements-list.New, list.InForce)}
	if list.Unverified != "" {
		lines = append(lines, "  not all of the list is copied: "+list.Unverified)
	}
	for _, r := range list.Kept {
		lines = append(lines, withheldLine("kept (--remove-withheld removes it)", r))
	}
	for _, r := range list.Removed {
		lines = append(lines, withheldLine("removed", r))
	}
	return lines
}

func withheldLine(what string, r mirror.WithheldRelease) string {
	of := "content " + r.Digest.String()
	if r.Package != "" {
		of = fmt.Sprintf("the content of %s, record %d", r, r.Index)
	}
	line := fmt.Sprintf("%s: %s: the operator withholds it since %s: %s", what, of, r.Since.Format(time.DateOnly), r.Reason)
	if r.Reference != "" {
		line += " (" + r.Reference + ")"
	}
	return line
}

func repairRemark(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of them were damaged or missing in the folder", n)
}

func keyRemark(keys mirror.KeySource) string {
	switch keys {
	case mirror.FirstUse:
		return "; the keys that the registry gave are remembered: compare tlog/*/vkeys with the operator's"
	case mirror.Unchecked:
		return "; nobody's signature was checked: pin the log's key with --vkey"
	}
	return ""
}

// What an export has to say, as JSON.
type (
	exportedLog struct {
		Log      tlog.Log         `json:"log"`
		Origin   string           `json:"origin"`
		Before   uint64           `json:"before"`
		Size     uint64           `json:"size"`
		Root     string           `json:"root"`
		Keys     mirror.KeySource `json:"keys"`
		Files    int              `json:"files"`
		Bytes    int64            `json:"bytes"`
		Repaired int              `json:"repaired"` // of the files, those that the folder had damaged or had lost
	}
	exportedContent struct {
		Fetched  int                      `json:"fetched"`
		Bytes    int64                    `json:"bytes"`
		Repaired int                      `json:"repaired"`
		Withheld []mirror.Release         `json:"withheld"`
		Altered  []mirror.Release         `json:"altered"`
		TooLarge []mirror.Release         `json:"tooLarge"`
		Blocked  []mirror.WithheldRelease `json:"blocked"` // the operator withholds them
	}
	exportedList struct {
		Statements uint64                   `json:"statements"`
		New        uint64                   `json:"new"`
		InForce    int                      `json:"inForce"`
		Unverified string                   `json:"unverified,omitempty"`
		Kept       []mirror.WithheldRelease `json:"kept"`
		Removed    []mirror.WithheldRelease `json:"removed"`
	}
	inconsistentFile struct {
		Log    tlog.Log `json:"log"`
		Path   string   `json:"path"`
		Reason string   `json:"reason"`
	}
)

// inconsistentLine tells people that a registry contradicts itself, or what it gave before.
func inconsistentLine(e *mirror.InconsistentError) string {
	return fmt.Sprintf("FOUND inconsistent in %s: %v", e.Log, e)
}

// notNil is an empty list for nil, which is null in JSON.
func notNil[T any](list []T) []T { return append([]T{}, list...) }

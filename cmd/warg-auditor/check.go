package main

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

type checkCommand struct {
	Evidence string `arg:"" type:"path" placeholder:"FILE" help:"File with the evidence of a finding."`
	Signed   bool   `help:"Demand that the registry signed what is refuted, so that whoever recorded the evidence need not be believed."`
	outputFlags
}

// Help is shown by `check --help`.
func (checkCommand) Help() string {
	return "Computes the contradiction anew from the evidence alone, and tells what it proves, whose keys signed it, and what of it rests on whoever " +
		"recorded it: that can be made up. Compare the keys with those that you have from the operator.\n\n" +
		"Exit status: 0 if the contradiction is there, and with --signed only if the registry signed it, 1 if not, 2 if the file can not be read."
}

// Run checks the evidence.
func (c checkCommand) Run(env *environment) error {
	out := c.open(env)
	evidence, err := readFile(c.Evidence, audit.MaxEvidence)
	if err != nil {
		return err
	}
	f, err := audit.Check(evidence)
	if err != nil {
		out.say("evidence", refused{Reason: err.Error()}, fmt.Sprintf("%s proves nothing: %v", c.Evidence, err))
		return errFindings
	}
	if c.Signed && !f.Signed {
		reason := unsigned(f)
		out.say("evidence", refused{Reason: reason}, fmt.Sprintf("%s does not prove %s by signatures alone: %s", c.Evidence, f.Name, reason))
		return errFindings
	}
	out.say("evidence", proved{Holds: true, Finding: f}, checkedLines(f)...)
	return out.failed()
}

// checkedLines tell of evidence that holds, first of all what that is worth.
func checkedLines(f audit.Finding) []string {
	first := "The evidence holds, and the registry signed it."
	if !f.Signed {
		first = "The evidence holds; " + unsigned(f)
	}
	return append([]string{first}, findingLines(f)...)
}

// unsigned says what of evidence is not signed.
func unsigned(f audit.Finding) string {
	text := "not signed is, and so rests on whoever recorded it: " + f.Rests + "."
	if len(f.Keys) == 0 {
		text += " Nothing in it is signed."
	}
	return text
}

// proved is what evidence shows, as JSON.
type proved struct {
	Holds   bool          `json:"holds"`
	Finding audit.Finding `json:"finding"`
}

// refused says why something is not believed, as JSON.
type refused struct {
	Holds  bool   `json:"holds"`
	Reason string `json:"reason"`
}

// findingLines tell a finding to people.
func findingLines(f audit.Finding) []string {
	lines := []string{"FOUND " + f.String(), "  claimed:  " + f.Claimed, "  computed: " + f.Computed}
	what := "  signed by: "
	if !f.Signed {
		what = "  signed in part by: "
	}
	for _, key := range f.Keys {
		lines = append(lines, what+key)
	}
	return lines
}

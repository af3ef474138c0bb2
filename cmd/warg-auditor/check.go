package main

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

type checkCommand struct {
	Evidence string `arg:"" type:"path" placeholder:"FILE" help:"File with the evidence of a finding."`
	outputFlags
}

// Help is shown by `check --help`.
func (checkCommand) Help() string {
	return "Computes the contradiction anew from the evidence alone, and tells what it proves and whose keys signed it. " +
		"Compare the keys with those that you have from the operator.\n\n" +
		"Exit status: 0 if the evidence proves the finding, 1 if it does not, 2 if the file can not be read."
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
	lines := append([]string{"The evidence holds."}, findingLines(f)...)
	if !f.Signed {
		lines = append(lines, "  Nothing in the evidence is signed by the registry: that it said so rests on whoever recorded it.")
	}
	out.say("evidence", proved{Holds: true, Finding: f}, lines...)
	return out.failed()
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
	for _, key := range f.Keys {
		lines = append(lines, "  signed by: "+key)
	}
	return lines
}

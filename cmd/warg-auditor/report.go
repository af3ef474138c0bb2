package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// roundReport is what a round came to, as JSON. Its findings were told before.
type roundReport struct {
	Registry    string             `json:"registry"`
	Time        time.Time          `json:"time"`
	Complete    bool               `json:"complete"`
	Error       string             `json:"error,omitempty"` // why it is not complete
	Mode        string             `json:"mode"`
	Records     uint64             `json:"records"`
	Checkpoints uint64             `json:"checkpoints"`
	NewRecords  uint64             `json:"newRecords"`
	Contents    uint64             `json:"contents"`
	LogLength   uint64             `json:"logLength,omitempty"` // of the latest signed checkpoint
	Findings    int                `json:"findings"`
	Suppressed  map[audit.Name]int `json:"suppressed,omitempty"`
	Unchecked   []audit.Unchecked  `json:"unchecked"`
}

func reportOf(registry string, r *audit.Report, findings int, failed error) roundReport {
	report := roundReport{
		Registry: registry, Time: time.Now().UTC(), Complete: failed == nil, Mode: r.Mode, Records: r.Records, Checkpoints: r.Checkpoints,
		NewRecords: r.NewRecords, Contents: r.Contents, Findings: findings, Suppressed: r.Suppressed, Unchecked: notNil(r.Unchecked),
	}
	if failed != nil {
		report.Error = failed.Error()
	}
	if r.Checkpoint != nil {
		report.LogLength = r.Checkpoint.Contents.LogLength
	}
	return report
}

// reportLines tell people what a round came to.
func reportLines(registry string, r *audit.Report, findings int, failed error) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(r.Suppressed)) {
		lines = append(lines, fmt.Sprintf("FOUND %s %d times more", name, r.Suppressed[name]))
	}
	for _, u := range r.Unchecked {
		lines = append(lines, fmt.Sprintf("not checked: %s: %s", u.What, u.Reason))
	}
	what := "nothing was found"
	if findings > 0 {
		what = fmt.Sprintf("%d findings", findings)
	}
	if failed != nil {
		what += "; it could not be ended"
	}
	line := fmt.Sprintf("audited %s: %d records, %d checkpoints", registry, r.Records, r.Checkpoints)
	if r.Contents > 0 {
		line += fmt.Sprintf(", %d contents", r.Contents)
	}
	return append(lines, line+": "+what)
}

// merged adds to a report what another place of the registry gave.
func merged(r, other *audit.Report) *audit.Report {
	if r == nil || other == nil {
		return r
	}
	r.Findings = append(r.Findings, other.Findings...)
	r.Unchecked = append(r.Unchecked, other.Unchecked...)
	for name, n := range other.Suppressed {
		if r.Suppressed == nil {
			r.Suppressed = map[audit.Name]int{}
		}
		r.Suppressed[name] += n
	}
	return r
}

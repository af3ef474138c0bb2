package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// auditInterval and auditPublishers make some 2,000 checkpoints of 100,000 records.
const (
	auditInterval   = "1ms"
	auditPublishers = 24
)

// marginalAudits is how many checkpoints are audited one by one; the median counts.
const marginalAudits = 9

// measureAudit measures the auditor: a registry of many records from nothing, one more
// checkpoint afterwards, and what memory grows with.
func measureAudit(ctx context.Context, s *settings, t *table) error {
	auditor := filepath.Join(s.dir, "warg-auditor")
	build := exec.CommandContext(ctx, "go", "build", "-o", auditor, "github.com/warg-trillian/warg-trillian/cmd/warg-auditor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the auditor: %w\n%s", err, output)
	}
	srv, _, err := s.newServer(ctx, "audited", "--checkpoint-interval", auditInterval)
	if err != nil {
		return err
	}
	defer srv.stop()
	publishers := min(s.publishers, auditPublishers)
	records, err := srv.prepareLoad(ctx, s.records, publishers)
	if err != nil {
		return err
	}
	var part, whole audited
	state := filepath.Join(s.dir, "audit-state")
	half := len(records) / 2
	for _, some := range [][]record{records[:half], records[half:]} {
		if _, _, err := srv.load(ctx, some, publishers); err != nil {
			return err
		}
		if err := srv.awaitNotes(ctx); err != nil {
			return err
		}
		part = whole
		if whole, err = runAudit(ctx, auditor, srv.client); err != nil {
			return err
		}
	}
	t.add(fmt.Sprintf("audit from nothing of %d records and %d checkpoints", whole.Records, whole.Checkpoints), "60 s, 500 MiB",
		"%.1f s, %d MiB at most (%.1f s of processor time)", whole.took.Seconds(), whole.memory>>20, whole.cpu.Seconds())
	t.add(fmt.Sprintf("memory of the auditor a record, from %d records to %d", part.Records, whole.Records), "64 bytes",
		"%d bytes", (whole.memory-part.memory)/int64(whole.Records-part.Records))
	if _, err := runAudit(ctx, auditor, srv.client, "--state", state); err != nil {
		return err
	}
	return measureMarginalAudits(ctx, srv, auditor, state, t)
}

// measureMarginalAudits audits one checkpoint more, some times.
func measureMarginalAudits(ctx context.Context, srv *server, auditor, state string, t *table) error {
	one, err := newPackages("audited", marginalAudits, 1)
	if err != nil {
		return err
	}
	var times []time.Duration
	for i := range one {
		if _, _, err := srv.postAndWait(ctx, &one[i]); err != nil {
			return err
		}
		if err := srv.awaitNotes(ctx); err != nil {
			return err
		}
		a, err := runAudit(ctx, auditor, srv.client, "--state", state)
		if err != nil {
			return err
		}
		if a.NewRecords != 1 {
			return fmt.Errorf("%d records were audited, want 1", a.NewRecords)
		}
		times = append(times, a.took)
	}
	t.add("one checkpoint more, audited", "100 ms", "%s, the start of the program included", milliseconds(median(times)))
	return nil
}

// audited is what an audit came to.
type audited struct {
	Type        string
	Complete    bool
	Findings    int
	Records     uint64
	Checkpoints uint64
	NewRecords  uint64

	took, cpu time.Duration
	memory    int64 // resident at most, in bytes
}

// runAudit audits a registry, which must be honest.
func runAudit(ctx context.Context, auditor string, c *client, args ...string) (a audited, err error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, auditor, append([]string{"audit", c.base, "--json"}, args...)...)
	cmd.Stderr = &stderr
	begin := time.Now()
	output, err := cmd.Output()
	a.took = time.Since(begin)
	if err != nil {
		return a, fmt.Errorf("warg-auditor: %w: %s%s", err, stderr.Bytes(), output)
	}
	for line := range bytes.Lines(output) {
		if err := json.Unmarshal(line, &a); err != nil {
			return a, err
		}
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || !a.Complete || a.Findings != 0 {
		return a, errors.New("the audit is not complete and clean: " + string(output))
	}
	a.cpu, a.memory = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), usage.Maxrss<<10
	return a, nil
}

// awaitNotes waits until the notes cover all that is published.
func (c *client) awaitNotes(ctx context.Context) error {
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(publishTimeout); ; time.Sleep(20 * time.Millisecond) {
		var heads [len(tlog.Logs)]tlog.TreeHead
		for i, log := range tlog.Logs {
			note, err := c.do(ctx, "GET", log.Path()+"/checkpoint", nil, 200)
			if err == nil {
				heads[i], err = tlog.HeadOf(note)
			}
			if err != nil {
				return err
			}
		}
		logged, err := c.isLogged(ctx, heads[1].Size, checkpoint.Contents.Checkpoint)
		if err != nil || logged && heads[0].Size == checkpoint.Contents.LogLength {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the notes do not reach %d records", checkpoint.Contents.LogLength)
		}
	}
}

// isLogged reports whether a checkpoint is the last one of the checkpoints log of some
// size.
func (c *client) isLogged(ctx context.Context, size uint64, checkpoint protocol.Checkpoint) (bool, error) {
	f := tlog.File{Kind: tlog.Entries, Index: (size - 1) / tlog.TileWidth, Width: int((size-1)%tlog.TileWidth) + 1}
	bundle, err := c.do(ctx, "GET", tlog.Checkpoints.Path()+"/"+f.Path(), nil, 200)
	if err != nil {
		return false, err
	}
	entries, err := tlog.ParseEntries(bundle, f.Width)
	return err == nil && bytes.Equal(entries[f.Width-1], checkpoint.Encode()), err
}

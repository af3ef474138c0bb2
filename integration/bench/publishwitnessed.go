package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/witnesses"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// measurePublishWitnessed is [measurePublish] with two witnesses of the registry, each
// run with other keys: to a witness another registry with the same would be a fork. A
// server of a release that knew no witnesses is measured without.
func measurePublishWitnessed(ctx context.Context, s *settings, t *table) error {
	var rates, costs []float64
	cosigned := ""
	for range s.runs {
		r, size, err := s.witnessedRun(ctx)
		if err != nil {
			return err
		}
		rates, costs = append(rates, r.published), append(costs, r.cpu)
		if size > 0 {
			cosigned = fmt.Sprintf("; all %d cosigned by both in the end", size)
		}
	}
	t.add(fmt.Sprintf("%d packages with tiles, notes and two witnesses, %d publishers", s.packages, s.publishers),
		"0.9 times that without", "%.0f/s (runs %.0f; %.2f ms of the server's processor time a record%s)", median(rates), rates, median(costs), cosigned)
	return nil
}

// cosignedTimeout is how long the witnesses may take for the last checkpoint.
const cosignedTimeout = time.Minute

// witnessedRun is a run, and how many records both witnesses have cosigned at its end;
// 0 if the server has no notes.
func (s *settings) witnessedRun(ctx context.Context) (r publishResult, size uint64, err error) {
	run := *s
	if run.dir, err = os.MkdirTemp(s.dir, "witnessed-"); err != nil {
		return r, 0, err
	}
	policy, closeAll, err := run.startWitnesses()
	defer func() { err = errors.Join(err, closeAll()) }()
	if err != nil {
		return r, 0, err
	}
	run.witnessPolicy = filepath.Join(run.dir, "policy")
	run.published = func(srv *server) error {
		size, err = srv.awaitCosigned(ctx, policy)
		return err
	}
	r, err = run.publishRun(ctx)
	return r, size, err
}

// startWitnesses makes the note keys of a registry, in its folder, starts two witnesses
// that know its logs, and writes the policy that asks for both.
func (s *settings) startWitnesses() (policy *witness.Policy, closeAll func() error, err error) {
	var closers []func() error
	closeAll = func() error {
		var all []error
		for _, c := range closers {
			all = append(all, c())
		}
		return errors.Join(all...)
	}
	var logs []witnesses.Log
	for _, log := range tlog.Logs {
		text, err := tlog.GenerateNoteKey(log.Origin("registry.example.com"), false)
		if err != nil {
			return nil, closeAll, err
		}
		key, err := tlog.ParseNoteKey(text)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, string(log)+"-note.key"), []byte(text), 0o600)
		}
		if err != nil {
			return nil, closeAll, err
		}
		logs = append(logs, witnesses.Log{Origin: key.Name(), VKey: key.VKeys()[0], URL: "http://127.0.0.1:1/" + log.Path()})
	}
	var lines, names []string
	for _, start := range []func(dir, name string) (*witnesses.Witness, error){
		func(dir, name string) (*witnesses.Witness, error) {
			return witnesses.RunLitewitness(dir, name, logs...)
		},
		func(dir, name string) (*witnesses.Witness, error) {
			return witnesses.RunOmniwitness(dir, name, []witnesses.KeyType{witnesses.Ed25519}, logs...)
		},
	} {
		name := fmt.Sprintf("w%d.example/bench", len(names)+1)
		dir := filepath.Join(s.dir, fmt.Sprint("witness", len(names)+1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, closeAll, err
		}
		w, err := start(dir, name)
		if err != nil {
			return nil, closeAll, err
		}
		closers = append(closers, w.Close)
		line := w.PolicyLine()
		lines, names = append(lines, line), append(names, strings.Fields(line)[1])
	}
	text := strings.Join(lines, "\n") + "\ngroup both all " + strings.Join(names, " ") + "\nquorum both\n"
	if policy, err = witness.ParsePolicy([]byte(text)); err != nil {
		return nil, closeAll, err
	}
	return policy, closeAll, os.WriteFile(filepath.Join(s.dir, "policy"), []byte(text), 0o600)
}

// awaitCosigned waits until the served note of the records log covers all records, and
// returns how many; 0 if the server serves no notes. It must meet the policy.
func (c *client) awaitCosigned(ctx context.Context, policy *witness.Policy) (uint64, error) {
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(cosignedTimeout); ; time.Sleep(100 * time.Millisecond) {
		note, err := c.do(ctx, "GET", tlog.Records.Path()+"/checkpoint", nil, 200)
		if err != nil && strings.Contains(err.Error(), "status 404") {
			return 0, nil
		}
		if err == nil {
			cosigned, err := policy.Check(note)
			if err != nil || cosigned.Head.Size == checkpoint.Contents.LogLength {
				return cosigned.Head.Size, err
			}
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the witnesses have not cosigned %d records after %v: %w", checkpoint.Contents.LogLength, cosignedTimeout, err)
		}
	}
}

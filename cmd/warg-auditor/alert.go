package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// alertTimeout is how long an alert command may take.
const alertTimeout = time.Minute

// maxAlertOutput is how many bytes of what a failing command says are repeated.
const maxAlertOutput = 1000

// alertFlags say who is alerted.
type alertFlags struct {
	AlertCommand string `placeholder:"COMMAND" help:"Command for the shell (sh) that gets each finding as JSON on its standard input."`
}

// alert returns what gives an alert; nil if nobody wants one.
func (f alertFlags) alert() func(line []byte) error {
	if f.AlertCommand == "" {
		return nil
	}
	return func(line []byte) error {
		// Also while this process is asked to end.
		ctx, cancel := context.WithTimeout(context.Background(), alertTimeout)
		defer cancel()
		command := exec.CommandContext(ctx, "sh", "-c", f.AlertCommand)
		command.Stdin = bytes.NewReader(line)
		command.WaitDelay = time.Second
		said, err := command.CombinedOutput()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		if err != nil {
			return fmt.Errorf("the alert command failed: %w: %q", err, said[:min(len(said), maxAlertOutput)])
		}
		return nil
	}
}

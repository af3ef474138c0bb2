// Package witnesses runs real witnesses of transparency logs for tests, on loopback:
// litewitness of torchwood and omniwitness of transparency-dev, which cosign the
// checkpoints that a log pushes to them (c2sp.org/tlog-witness).
// integration/tools/witnesses.sh installs them.
package witnesses

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Log is a log whose checkpoints a witness cosigns.
type Log struct {
	Origin string
	VKey   string // public key in text, "<origin>+<hash>+<base64>", of which litewitness takes Ed25519 alone
	URL    string // where the log's files are; neither of the witnesses asks there, and it may be empty
}

// Witness is a witness's process and its state in a folder, which outlives the process.
// Its methods are not safe for concurrent use, but for [Witness.AddCheckpoint].
type Witness struct {
	Name string // of its keys, such as witness.example.com/w1
	URL  string // add-checkpoint is below it; stays when the witness starts again

	dir     string
	vkeys   []string
	process *process
	agent   net.Listener // serves the key of litewitness; nil for others

	addLogs func([]Log) error
	size    func(origin string) (uint64, error)
}

// VKeys are its public keys in text, "<name>+<hash>+<base64>", in the order in which
// they were asked for: type 0x04 for Ed25519, 0x06 for ML-DSA-44.
func (w *Witness) VKeys() []string { return w.vkeys }

// PolicyLines are the lines of a tlog-policy that name its keys, without the ends of
// the lines: "witness <name> <vkey> <url>". The component of the first key is called as
// the witness is; a number follows for others.
func (w *Witness) PolicyLines() (lines []string) {
	for i, vkey := range w.vkeys {
		name := w.Name
		if i > 0 {
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		lines = append(lines, fmt.Sprintf("witness %s %s %s", name, vkey, w.URL))
	}
	return lines
}

// PolicyLine is the first of [Witness.PolicyLines].
func (w *Witness) PolicyLine() string { return w.PolicyLines()[0] }

// AddLogs has it cosign further logs, from when AddLogs returns. omniwitness is started
// again for that.
func (w *Witness) AddLogs(logs ...Log) error {
	if err := w.addLogs(logs); err != nil {
		return fmt.Errorf("add logs to the witness %s: %w", w.Name, err)
	}
	return nil
}

// Size is the size of the newest checkpoint of a log that it has cosigned, as its
// database has it, even while the witness does not run. 0 if there is none.
func (w *Witness) Size(origin string) (uint64, error) {
	size, err := w.size(origin)
	if err != nil {
		return 0, fmt.Errorf("what size of %s the witness %s has seen: %w", origin, w.Name, err)
	}
	return size, nil
}

// Start starts a witness that was stopped or killed, at the same address and with the
// same state, and returns when it serves.
func (w *Witness) Start() error { return w.process.start() }

// Stop ends the witness in good order. One that is paused can only be killed.
func (w *Witness) Stop() error { return w.process.end(syscall.SIGINT) }

// Kill ends the witness at once, with SIGKILL.
func (w *Witness) Kill() error { return w.process.end(syscall.SIGKILL) }

// Pause hangs the witness until [Witness.Resume]: connections are taken and nothing is
// answered.
func (w *Witness) Pause() error { return w.process.signal(syscall.SIGSTOP) }

// Resume lets a paused witness go on.
func (w *Witness) Resume() error { return w.process.signal(syscall.SIGCONT) }

// Output is the end of what the witness has written to standard output and error.
func (w *Witness) Output() string { return w.process.output.String() }

// Close ends the witness and what belongs to it for good. Its state stays in the folder.
func (w *Witness) Close() error {
	err := w.Kill()
	if w.agent != nil {
		err = errors.Join(err, w.agent.Close())
	}
	return err
}

// Command readers reads a log that is served as static files (C2SP tlog-tiles) with
// readers that others have written: those of tessera and of torchwood. They share no
// code with this project's own reader and writer, so what they accept is not only
// what we believe the specifications to say.
//
// It is a module of its own, because the registry does not need what it depends on.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"time"
)

// patience is how long a reader may take. Those of tessera can wait for ever when
// several tiles are wrong, and those of torchwood ask a server that fails again for
// minutes.
const patience = 2 * time.Minute

// command is a subcommand. What it prints goes to standard output once all is
// verified.
type command struct {
	name, args, does string
	count            int // of the arguments
	run              func(ctx context.Context, args []string) (string, error)
}

var commands = []command{
	{"tessera-fsck", "URL ORIGIN VKEY", "recompute all tiles and the root from the entries; print size and root", 3, tesseraFsck},
	{"tessera-proof", "URL ORIGIN VKEY INDEX", "prove by tiles that the entry is in the log; print size, root and the entry in hex", 4, tesseraProof},
	{"tessera-consistency", "URL ORIGIN VKEY NOTEFILE", "prove by tiles that the log contains that of an earlier checkpoint; print size and root", 4, tesseraConsistency},
	{"torchwood", "URL POLICYFILE", "verify the checkpoint under a tlog-policy, and all entries; print size and root", 2, torchwoodEntries},
	{"torchwood-proof", "POLICYFILE PROOFFILE ENTRYFILE", "verify a .tlog-proof of an entry under a tlog-policy; print size and root", 3, torchwoodProof},
}

// Exit status 1: refused. 2: called wrongly.
func main() {
	c, err := find(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("not finished after %v", patience))
	defer cancel()
	printed, err := within(ctx, func() (string, error) { return c.run(ctx, os.Args[2:]) })
	if err != nil {
		fmt.Fprintf(os.Stderr, "readers: %s: %v\n", c.name, err)
		os.Exit(1)
	}
	fmt.Print(printed)
}

func find(args []string) (command, error) {
	usage := "usage:"
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name && len(args) == 1+c.count {
			return c, nil
		}
		usage += fmt.Sprintf("\n  readers %s %s\n    \t%s", c.name, c.args, c.does)
	}
	return command{}, errors.New(usage)
}

// within gives up when the context ends, even if what runs does not. A panic is an
// error: the readers index into what a log may have made too short.
func within(ctx context.Context, run func() (string, error)) (string, error) {
	type result struct {
		printed string
		err     error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("the reader panicked: %v", p)}
			}
			done <- r
		}()
		r.printed, r.err = run()
	}()
	select {
	case r := <-done:
		return r.printed, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// head prints the size of a log and its root hash, as in a checkpoint.
func head(size uint64, root []byte) string {
	return fmt.Sprintf("%d\n%s\n", size, base64.StdEncoding.EncodeToString(root))
}

// Command warg-auditor checks a registry of WebAssembly packages and believes nothing
// that it says. It needs HTTP and nothing else: a URL, or a folder that it has exported.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/warg-trillian/warg-trillian/cmd/internal/cmdline"
	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
)

// Exit statuses.
const (
	exitClean    = 0 // all that was looked at is as it should be
	exitFindings = 1 // something is not
	exitFailed   = 2 // it could not be looked at, or the command line is wrong
)

// commands is the command line.
type commands struct {
	Audit   auditCommand   `cmd:"" help:"Audit a registry, or an export of one, from its first record to its latest checkpoint."`
	Follow  followCommand  `cmd:"" help:"Audit a registry for ever, from a state folder that survives."`
	Watch   watchCommand   `cmd:"" help:"Tell about every new record of packages and namespaces."`
	Prove   proveCommand   `cmd:"" help:"Get a proof that travels with the file of a release."`
	Verify  verifyCommand  `cmd:"" help:"Verify a file with its proof, offline."`
	Check   checkCommand   `cmd:"" help:"Check the evidence of a finding, without the registry."`
	Export  exportCommand  `cmd:"" help:"Copy both logs of a registry into a folder, verified."`
	Version versionCommand `cmd:"" help:"Show the version of this program."`

	Completion cmdline.Completion `cmd:"" help:"Write completions of this program for a shell."`
	Manual     cmdline.Manual     `cmd:"" hidden:"" help:"Write the manual pages of this program."`
}

// environment is what a command has around it.
type environment struct {
	context        context.Context // ends with SIGINT or SIGTERM
	stdout, stderr io.Writer
	terminal       bool // standard error is one
}

// errFindings says that a command has found, and told, what is not as it should be.
var errFindings = errors.New("something was found")

// garbagePercent keeps what the auditor takes of memory from growing with a registry's
// records: most of what it reads is garbage soon. It costs no time that could be measured.
const garbagePercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(os.Args[1:], &environment{ctx, os.Stdout, os.Stderr, isTerminal(os.Stderr)})
	stop()
	os.Exit(status)
}

func run(args []string, env *environment) int {
	parser, err := kong.New(&commands{},
		kong.Name("warg-auditor"),
		kong.Description("Checks a registry of WebAssembly packages and believes nothing that it says. `warg-auditor COMMAND --help` says more.\n\n"+
			"Exit status: 0 if all is as it should be, 1 if something was found that is not, 2 if it could not be looked at."),
		kong.Writers(env.stdout, env.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return env.report(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return env.report(err)
	}
	return env.report(command.Run(env))
}

// report tells of an error, and returns the exit status.
func (e *environment) report(err error) int {
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	case e.context.Err() != nil && errors.Is(err, context.Canceled):
		err = errEnded
	}
	complain(e.stderr, err)
	return exitFailed
}

// errEnded says why there is no answer: nobody wanted it any more.
var errEnded = errors.New("it was asked to end before it was done")

// complain tells of what went wrong.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "warg-auditor: %s\n", plain.Error(err))
}

// isTerminal tells whether somebody may be looking.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Command warg-personality is the registry server, with the operator's
// subcommands.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/warg-trillian/warg-trillian/cmd/internal/cmdline"
	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// Exit statuses.
const (
	exitFailed = 1 // something went wrong while running
	exitUsage  = 2 // a wrong command line or setting
	// exitUnverified: a registry did not prove what it said.
	exitUnverified = 3
)

// commands is the command line.
type commands struct {
	Serve    serveCommand     `cmd:"" help:"Run the registry."`
	Rebuild  rebuildCommand   `cmd:"" help:"Recreate the registry's database from its Trillian logs."`
	Standby  standbyCommand   `cmd:"" help:"Follow one's own registry on another machine, to take its place when it is lost."`
	Promote  promoteCommand   `cmd:"" help:"Make a standby the registry."`
	Key      keyCommands      `cmd:"" help:"Make and look at operator keys."`
	NoteKey  noteKeyCommands  `cmd:"" name:"note-key" help:"Make and look at note keys, which sign the logs for witnesses and auditors."`
	Operator operatorCommands `cmd:"" help:"Read the operator log of a running registry, and add to it: namespaces and keys."`
	Content  contentCommands  `cmd:"" help:"Withhold content of a running registry, and release it."`
	Token    tokenCommands    `cmd:"" help:"Make bearer tokens for a private registry."`
	Health   healthCommand    `cmd:"" help:"Ask a server on this machine whether it is ready."`
	Version  versionCommand   `cmd:"" help:"Show the version of this program."`

	Completion cmdline.Completion `cmd:"" help:"Write completions of this program for a shell."`
	Manual     cmdline.Manual     `cmd:"" hidden:"" help:"Write the manual pages of this program."`
}

// streams are the standard streams that commands write to.
type streams struct{ stdout, stderr io.Writer }

// settingError is a setting that is wrong in a way that shows only when it is
// used.
type settingError struct{ error }

func (e settingError) Unwrap() error { return e.error }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

func run(args []string, std streams) int {
	options := append(config.Options(),
		kong.Name("warg-personality"),
		kong.Description("A warg package registry over a Trillian log. `warg-personality COMMAND --help` says more."),
		kong.Writers(std.stdout, std.stderr),
	)
	parser, err := kong.New(&commands{}, options...)
	if err != nil {
		return report(std, err, exitFailed)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(std, err, exitUsage)
	}
	err = command.Run(std)
	if wrong := (settingError{}); errors.As(err, &wrong) {
		return report(std, err, exitUsage)
	}
	if lie := (*client.VerificationError)(nil); errors.As(err, &lie) {
		return report(std, err, exitUnverified)
	}
	if err != nil {
		return report(std, err, exitFailed)
	}
	return 0
}

func report(std streams, err error, status int) int {
	fmt.Fprintf(std.stderr, "warg-personality: %v\n", err)
	return status
}

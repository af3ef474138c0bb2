// Command warg is a client of registries of WebAssembly packages: it publishes, reads,
// downloads and verifies. It shares its configuration file and flat-file keyring with the
// official client, whose commands and flags it has where they fit, and believes nothing
// that a registry does not prove.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/warg-trillian/warg-trillian/cmd/internal/cmdline"
)

// commands is the command line. A command's Run gets the [*environment] and the
// [*output].
type commands struct {
	JSON bool `name:"json" help:"Write JSON, an object a line, to standard output."`

	Config   configCommand   `cmd:"" help:"Set the registry that is used, and whom to trust."`
	Login    loginCommand    `cmd:"" help:"Keep the token of a private registry in the keyring."`
	Logout   logoutCommand   `cmd:"" help:"Remove the token of a registry from the keyring."`
	Key      keyCommands     `cmd:"" help:"Make, import and show the signing key."`
	Publish  publishCommands `cmd:"" help:"Publish records of a package: releases, yanks, permissions."`
	Download downloadCommand `cmd:"" help:"Download a release, verified."`
	Search   searchCommand   `cmd:"" help:"Search a registry for packages."`
	Info     infoCommand     `cmd:"" help:"Show a registry, or a package with its releases and keys."`
	Log      logCommand      `cmd:"" help:"Show the records of a package."`
	Verify   verifyCommand   `cmd:"" help:"Say which release a file is, proved by the registry or by a .tlog-proof."`
	Update   updateCommand   `cmd:"" help:"Verify what is new of the packages that are remembered."`
	Reset    resetCommand    `cmd:"" help:"Forget what was verified of a registry."`
	Clear    clearCommand    `cmd:"" help:"Delete the content that was downloaded."`
	Agent    agentCommand    `cmd:"" help:"Serve a registry to wkg on this machine: what it pushes is signed and published, what it gets is verified."`
	Version  versionCommand  `cmd:"" help:"Show the version of this program."`

	Completion cmdline.Completion `cmd:"" help:"Write completions of this program for a shell."`
	Manual     cmdline.Manual     `cmd:"" hidden:"" help:"Write the manual pages of this program."`
}

// environment is what a command has around it.
type environment struct {
	context        context.Context // ends with SIGINT or SIGTERM
	stdin          io.Reader
	stdout, stderr io.Writer
	asks           bool          // standard input and standard error are a terminal
	shows          bool          // standard error is a terminal
	maxIdle        time.Duration // for how long a registry may keep silent; 0: the default
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(os.Args[1:], &environment{
		context: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		asks: isTerminal(os.Stdin) && isTerminal(os.Stderr), shows: isTerminal(os.Stderr),
	})
	stop()
	os.Exit(status)
}

func run(args []string, env *environment) int {
	exited := -1
	all := new(commands)
	parser, err := kong.New(all,
		kong.Name("warg"),
		kong.Description("Publishes, reads, downloads and verifies WebAssembly packages. `warg COMMAND --help` says more.\n\n"+
			"Exit status: 0 done, 1 refused, not found or no answer, 2 wrong use, 3 verification failed: do not use what the registry gave."),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(status int) { exited = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
	)
	if err != nil {
		return env.report(openOutput(env, false), err)
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // help was shown
		return exited
	}
	if err != nil {
		return env.report(openOutput(env, slices.Contains(args, "--json")), usageError{err})
	}
	out := openOutput(env, all.JSON)
	return env.report(out, command.Run(env, out))
}

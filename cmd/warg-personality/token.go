package main

import (
	"fmt"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/access"
)

type tokenCommands struct {
	New tokenNewCommand `cmd:"" help:"Make a bearer token for a private registry."`
}

type tokenNewCommand struct {
	Name string `arg:"" help:"Whose token it is, without spaces; for the file only."`
	Read bool   `help:"The bearer may look up and download, but not publish."`

	Output *string `short:"o" placeholder:"FILE" help:"File to make for the token, with mode 0600; one that is there is not overwritten. The line for the tokens file then goes to standard output."`
}

// Help is shown by `token new --help`.
func (tokenNewCommand) Help() string {
	return `Makes a token, which is for its bearer, who gives it to ` + "`warg login`" + `, and its
line for the file that serve --tokens-file names. The line holds only a hash, so
that file is no secret:

  warg-personality token new alice -o alice.token >> tokens

Send the server a SIGHUP to read the file again. Without -o, the token goes to
standard output and the line to standard error.`
}

// Run makes the token.
func (c tokenNewCommand) Run(std streams) error {
	if c.Name == "" || len(strings.Fields(c.Name)) != 1 || strings.Contains(c.Name, "#") || c.Name == "read" || c.Name == "publish" {
		return settingError{fmt.Errorf("%q is not a name: it has no spaces and no #, and is not read or publish", c.Name)}
	}
	permission := access.Publish
	if c.Read {
		permission = access.Read
	}
	text, token := access.NewToken(c.Name, permission)
	if err := writeSecret(std, c.Output, text); err != nil {
		return err
	}
	line := std.stderr
	if c.Output != nil {
		line = std.stdout
	}
	_, err := fmt.Fprintln(line, token)
	return err
}

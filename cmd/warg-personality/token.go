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
}

// Help is shown by `token new --help`.
func (tokenNewCommand) Help() string {
	return `Writes a new token to standard output. It is for its bearer, who gives it to
` + "`warg login`" + `. Its line for the file that serve --tokens-file names goes to
standard error; it holds only a hash, so the file is no secret:

  warg-personality token new alice 2>> tokens

Send the server a SIGHUP to read the file again.`
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
	if _, err := fmt.Fprintln(std.stderr, token); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.stdout, text)
	return err
}

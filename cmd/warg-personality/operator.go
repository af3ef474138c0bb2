package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

type operatorCommands struct {
	Namespace struct {
		Define operatorDefineCommand `cmd:"" help:"Define namespaces: packages in them can be published here. They cannot be taken back."`
		Import operatorImportCommand `cmd:"" help:"Import namespaces: clients are sent to another registry for them. They cannot be taken back."`
	} `cmd:"" help:"Define and import namespaces."`
	Key struct {
		Grant  operatorGrantCommand    `cmd:"" help:"Give permissions to an operator key."`
		Revoke operatorRevokeCommand   `cmd:"" help:"Take permissions from an operator key."`
		List   operatorKeysListCommand `cmd:"" help:"Show the operator keys and their permissions."`
	} `cmd:"" help:"Grant, revoke and show operator keys."`
	Log operatorLogCommand `cmd:"" help:"Show the records of the operator log."`
}

// operatorFlags are those of all operator commands.
type operatorFlags struct {
	URL      string `name:"url" env:"WARG_OPERATOR_URL" default:"http://127.0.0.1:8090" placeholder:"URL" help:"Where the registry, any process of it, is reached (default: ${default})."`
	FirstKey string `name:"first-key" placeholder:"KEY" help:"Public key that the operator log must begin with: ecdsa-p256:<base64>, or a file with that or with PEM."`
	Token    string `env:"WARG_TOKEN" placeholder:"TOKEN" help:"Bearer token of a private registry, which lets publish where a record is made. Rather set it in the environment, where others do not see it."`
	JSON     bool   `name:"json" help:"Write JSON, an object a line."`
}

// operatorSession is a registry, and who talks to it.
type operatorSession struct {
	ctx    context.Context
	client *client.Client
	std    streams
	json   bool
}

// open returns a session that ends with SIGINT or SIGTERM, and is to be ended.
func (f operatorFlags) open(std streams) (*operatorSession, func(), error) {
	o := client.Options{UserAgent: "warg-personality", Token: f.Token}
	if f.FirstKey != "" {
		var err error
		if o.OperatorKey, err = signer.ReadPublicKey(f.FirstKey); err != nil {
			return nil, nil, settingError{fmt.Errorf("--first-key: %w", err)}
		}
	}
	c, err := client.New(f.URL, o)
	if err != nil {
		return nil, nil, settingError{fmt.Errorf("--url: %w", err)}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	return &operatorSession{ctx, c, std, f.JSON}, stop, nil
}

// show writes something, as an object of JSON or as lines of text.
func (s *operatorSession) show(object any, lines ...string) error {
	if s.json {
		encoder := json.NewEncoder(s.std.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(object)
	}
	_, err := fmt.Fprintln(s.std.stdout, strings.Join(lines, "\n"))
	return err
}

// say writes a remark for people.
func (s *operatorSession) say(format string, args ...any) {
	fmt.Fprintf(s.std.stderr, format+"\n", args...)
}

// operatorSignFlags are those of commands that sign.
type operatorSignFlags struct {
	operatorFlags
	config.OperatorKeys
}

// signers returns the keys that the flags name.
func (f operatorSignFlags) signers(std streams) ([]protocol.Signer, error) {
	from := f.OperatorKeys
	if err := from.Complete(); err != nil {
		return nil, settingError{err}
	}
	if !from.Named() {
		return nil, settingError{errors.New("name the operator's key, which signs the record: with --operator-key-file, --operator-key-command, --operator-key-pkcs11 or the variable " + config.OperatorKeyVariable)}
	}
	keys := operatorKeys{from: from, log: slog.New(slog.NewTextHandler(std.stderr, nil))}
	return keys.load()
}

// confirm asks whether to do what cannot be undone. Without a terminal nobody is asked.
func confirm(std streams, warning string) error {
	fmt.Fprintln(std.stderr, warning)
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return settingError{errors.New("nothing was done: there is no terminal to ask at; --yes says that you are sure")}
	}
	fmt.Fprint(std.stderr, "Go on? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done")
}

// openSigning opens a session with the keys that sign in it.
func (f operatorSignFlags) openSigning(std streams) (s *operatorSession, keys *signing.Keys, stop func(), err error) {
	signers, err := f.signers(std)
	if err != nil {
		return nil, nil, nil, err
	}
	s, stop, err = f.open(std)
	return s, signing.New(signers...), stop, err
}

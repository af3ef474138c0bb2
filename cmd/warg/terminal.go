package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
)

// isTerminal tells whether somebody may be there.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// mayAsk tells whether somebody can be asked: on a terminal, unless the configuration says
// that nobody is.
func (e *environment) mayAsk(config string) bool {
	if !e.asks {
		return false
	}
	h, err := home.Open(config)
	return err == nil && !h.Config.NoInteraction
}

// confirm asks on a terminal; no is the answer to everything but yes. It is not called
// where nobody can be asked.
func (e *environment) confirm(question string) (bool, error) {
	fmt.Fprintf(e.stderr, "%s [y/N] ", question)
	answer, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// maxSecret is the size in bytes of the longest secret that is read.
const maxSecret = 64 << 10

// secret reads a secret from standard input: a line that is not shown, if it is a
// terminal, or else all of it.
func (e *environment) secret(prompt string) (string, error) {
	if f, ok := e.stdin.(*os.File); ok && e.asks {
		fmt.Fprint(e.stderr, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.stderr)
		return strings.TrimSpace(string(text)), err
	}
	text, err := io.ReadAll(io.LimitReader(e.stdin, maxSecret))
	return strings.TrimSpace(string(text)), err
}

package main

import (
	"bufio"
	"errors"
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
	answer, err := e.answer(func() (string, error) { return bufio.NewReader(e.stdin).ReadString('\n') })
	if err != nil && err != io.EOF {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// errEnded says why nothing was done.
var errEnded = errors.New("ended before there was an answer; nothing was done")

// answer waits for what somebody types, or for a signal that ends the program.
func (e *environment) answer(read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := read()
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		return a.text, a.err
	case <-e.context.Done():
		fmt.Fprintln(e.stderr)
		return "", errEnded
	}
}

// maxSecret is the size in bytes of the longest secret that is read.
const maxSecret = 64 << 10

// secret reads a secret from standard input: a line that is not shown, if it is a
// terminal, or else all of it.
func (e *environment) secret(prompt string) (string, error) {
	if f, ok := e.stdin.(*os.File); ok && e.asks {
		fmt.Fprint(e.stderr, prompt)
		shown, err := term.GetState(int(f.Fd()))
		if err != nil {
			return "", err
		}
		text, err := e.answer(func() (string, error) {
			text, err := term.ReadPassword(int(f.Fd()))
			return string(text), err
		})
		fmt.Fprintln(e.stderr)
		if err != nil { // perhaps nobody reads any more, and what is typed stays hidden
			err = errors.Join(err, term.Restore(int(f.Fd()), shown))
		}
		return strings.TrimSpace(text), err
	}
	text, err := io.ReadAll(io.LimitReader(e.stdin, maxSecret))
	return strings.TrimSpace(string(text)), err
}

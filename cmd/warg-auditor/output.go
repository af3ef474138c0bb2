package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
)

// outputFlags say how a command speaks.
type outputFlags struct {
	JSON bool `name:"json" help:"Write JSON, an object a line, to standard output."`
}

// output writes what a command has to say: lines for people, or JSON. It may be used by
// several goroutines.
type output struct {
	json bool
	mu   sync.Mutex
	w    io.Writer // under mu
	err  error     // the first one of writing; under mu
}

func (f outputFlags) open(env *environment) *output { return &output{json: f.JSON, w: env.stdout} }

// say writes a JSON object with its type or, for people, lines, each of which stays one
// whatever the registry has put into it.
func (o *output) say(kind string, object any, lines ...string) {
	var text []byte
	if o.json {
		text = jsonLine(kind, object)
	} else {
		for _, line := range lines {
			text = append(text, plain.Text(line)+"\n"...)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.w.Write(text); err != nil && o.err == nil {
		o.err = fmt.Errorf("standard output: %w", err)
	}
}

// failed is the first error of writing.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// jsonLine is an object with the member "type" before the others.
func jsonLine(kind string, object any) []byte {
	text, err := json.Marshal(object)
	if err != nil || len(text) < 2 || text[0] != '{' {
		panic(fmt.Sprintf("a %T is no JSON object: %v", object, err)) // they are all ours
	}
	line := []byte(`{"type":"` + kind + `"`)
	if len(text) > 2 {
		line = append(line, ',')
	}
	return append(append(line, plain.JSON(text[1:])...), '\n')
}

// progress shows how far a command has come on a terminal, in one line that is written
// anew. Nil shows nothing.
type progress struct {
	w     io.Writer
	last  time.Time
	width int
}

// refresh is how often the line is written anew.
const refresh = 100 * time.Millisecond

// progress returns where progress is shown: on a terminal alone.
func (f outputFlags) progress(env *environment) *progress {
	if !env.terminal || f.JSON {
		return nil
	}
	return &progress{w: env.stderr}
}

// show shows a count. It is for one goroutine at a time.
func (p *progress) show(doing string, done, of uint64) {
	if p == nil || time.Since(p.last) < refresh && done < of {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("%s: %d of %d", doing, done, of)
	fmt.Fprintf(p.w, "\r%-*s", p.width, line)
	p.width = len(line)
}

// clear removes the line.
func (p *progress) clear() {
	if p == nil || p.width == 0 {
		return
	}
	fmt.Fprintf(p.w, "\r%-*s\r", p.width, "")
	p.width = 0
}

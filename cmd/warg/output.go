package main

import (
	"encoding/json"
	"fmt"

	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
)

// output writes what a command has to say to standard output: lines for people, or an
// object a line in JSON.
type output struct {
	env  *environment
	json bool
	err  error // the first one of writing
}

func openOutput(env *environment, json bool) *output { return &output{env: env, json: json} }

// say writes an object with its type or, for people, lines, each of which stays one
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
	if _, err := o.env.stdout.Write(text); err != nil && o.err == nil {
		o.err = fmt.Errorf("standard output: %w", err)
	}
}

// remark writes a line for people to standard error; to those who read JSON, nothing.
func (o *output) remark(format string, args ...any) {
	if !o.json {
		fmt.Fprintln(o.env.stderr, plain.Text(fmt.Sprintf(format, args...)))
	}
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

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// file is a YAML file of settings as a source of flag values.
type file struct {
	path   string
	values map[string]*yaml.Node // by flag name; never null
}

// BeforeResolve is called by the parser when the command line and the
// environment are read: it adds the file that --config names as a source.
func (s *Serve) BeforeResolve(ctx *kong.Context) error {
	flags := map[string]*kong.Flag{}
	for _, flag := range ctx.Selected().Flags {
		flags[flag.Name] = flag
	}
	path, _ := ctx.FlagValue(flags["config"]).(string)
	if path == "" {
		return nil
	}
	delete(flags, "config") // a file does not name another file
	f, err := readFile(path, flags)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	ctx.AddResolver(f)
	return nil
}

// readFile reads the file and refuses keys that are not names of flags.
func readFile(path string, flags map[string]*kong.Flag) (*file, error) {
	data, err := files.ReadOnce(path, files.ListSize)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, values: map[string]*yaml.Node{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not YAML: %s", path, strings.Join(strings.Fields(err.Error()), " "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s holds more than one YAML document", path)
	}
	if len(doc.Content) == 0 {
		return f, nil // only comments
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return f, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s line %d: want settings as `name: value` lines", path, top.Line)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if flags[key.Value] == nil {
			return nil, fmt.Errorf("%s line %d: unknown key %q; the keys are the flags that `serve --help` lists", path, key.Line, key.Value)
		}
		if f.values[key.Value] != nil {
			return nil, fmt.Errorf("%s line %d: key %q is given twice", path, key.Line, key.Value)
		}
		if value.Tag != "!!null" {
			f.values[key.Value] = value
		}
	}
	return f, nil
}

// Validate implements [kong.Resolver]; the keys were checked when reading.
func (f *file) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver]. The parser asks for flags that are not
// on the command line; those that the environment sets are left to it. The
// value is decoded here once, only to say where a wrong one stands.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	node := f.values[flag.Name]
	if node == nil || environment(flag) == envSet {
		return nil, nil
	}
	text, err := flagText(node, flag)
	if err == nil {
		scan := kong.Scan().PushTyped(text, kong.FlagValueToken)
		probe := reflect.New(flag.Target.Type()).Elem()
		err = flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, probe)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (from %s line %d)", err, f.path, node.Line)
	}
	return text, nil
}

// flagText is the value as it would stand on the command line.
func flagText(node *yaml.Node, flag *kong.Flag) (string, error) {
	if node.Kind == yaml.ScalarNode {
		return node.Value, nil
	}
	if node.Kind != yaml.SequenceNode || !flag.IsSlice() {
		return "", errors.New("want a single value")
	}
	var items []string
	for _, item := range node.Content {
		if item.Kind != yaml.ScalarNode {
			return "", errors.New("want a list of single values")
		}
		items = append(items, item.Value)
	}
	return kong.JoinEscaped(items, flag.Tag.Sep), nil
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type operatorDefineCommand struct {
	Name []config.Namespace `arg:"" help:"Namespaces, in lower kebab case."`
	Yes  bool               `short:"y" help:"Do not ask."`
	operatorSignFlags
}

// Run defines namespaces that are not defined yet.
func (c operatorDefineCommand) Run(std streams) error {
	return c.submitNamespaces(std, c.Yes, func(o *client.Operator) (entries []protocol.OperatorEntry, err error) {
		for _, name := range c.Name {
			definition, known := o.Namespace(string(name))
			switch {
			case !known:
				entries = append(entries, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: string(name)})
			case definition.Imported:
				return nil, fmt.Errorf("namespace %s is imported from %s, which cannot be changed", name, definition.Registry)
			}
		}
		return entries, nil
	})
}

type operatorImportCommand struct {
	Name []config.ImportedNamespace `arg:"" placeholder:"NAME=REGISTRY" help:"Namespaces, and the registries that serve them: NAME=HOST or NAME=HOST:PORT."`
	Yes  bool                       `short:"y" help:"Do not ask."`
	operatorSignFlags
}

// Run imports namespaces that are not imported yet.
func (c operatorImportCommand) Run(std streams) error {
	return c.submitNamespaces(std, c.Yes, func(o *client.Operator) (entries []protocol.OperatorEntry, err error) {
		for _, n := range c.Name {
			definition, known := o.Namespace(n.Name)
			switch {
			case !known:
				entries = append(entries, protocol.OperatorEntry{Type: protocol.EntryImportNamespace, Namespace: n.Name, Registry: n.Registry})
			case !definition.Imported:
				return nil, fmt.Errorf("namespace %s is defined by this registry, and cannot be imported", n.Name)
			case definition.Registry != n.Registry:
				return nil, fmt.Errorf("namespace %s is imported from %s, which cannot be changed", n.Name, definition.Registry)
			}
		}
		return entries, nil
	})
}

// submitNamespaces submits a record about namespaces, after a word of warning.
func (f operatorSignFlags) submitNamespaces(std streams, yes bool, make draft) error {
	warned := yes
	return f.submit(std, func(o *client.Operator) ([]protocol.OperatorEntry, error) {
		entries, err := make(o)
		if err != nil || len(entries) == 0 || warned {
			return entries, err
		}
		var names []string
		for _, e := range entries {
			if !slices.Contains(names, e.Namespace) {
				names = append(names, e.Namespace)
			}
		}
		warned = true
		return entries, confirm(std, "What the operator log says of a namespace is said for good: nobody can rename, move or remove "+strings.Join(names, ", ")+" later.")
	})
}

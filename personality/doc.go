// Package personality is the warg registry as a thin Trillian personality. It
// wires together the packages below it; see CONTRIBUTING.md for what each one holds.
package personality

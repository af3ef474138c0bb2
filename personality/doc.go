// Package personality is the warg registry as a thin Trillian personality. It
// wires together the packages below it; see README.md for what each one holds.
package personality

// Package web serves the pages of a registry for people: server-rendered HTML that works
// without scripts, and what it links to.
package web

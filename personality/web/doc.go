// Package web is a registry as pages for people: what is in it, what is in a package, who
// released it, and how the log that proves it grows. The pages are made on the server and
// need no JavaScript; a few things are nicer with it.
//
// Nothing here decides anything, and nothing is proved by a page: it shows what the
// discovery index and the reader say. A page to check it all is beside it, which believes
// nobody.
//
// All text of packages is hostile. It reaches a page only through html/template, which
// escapes it, and through the functions of text.go, which take away what would reach
// beyond its own place: controls, and characters that turn the direction of text around.
// Each list and each text is cut at a length as it is written in HTML, so that no page is
// larger than [MaxPage].
package web

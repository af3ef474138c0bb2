// Package discovery is the index of what is in packages: who released what, what its
// content says of itself, and how to find it. [Index] has an API of the types in
// warg/discovery.
//
// Nothing here is trusted, and nothing depends on it. All of it is derived from the
// published log, read in order, and from contents whose digests are in the log. It is in a
// SQLite database of this process alone, whatever the registry's database is, so that
// processes share nothing and no other database needs a full-text engine. Its file can be
// removed at any time: it is filled again. A file that is damaged, of another release, or
// of another registry, or ahead of the log, is made anew.
//
// Records come first, in order (follow.go, apply.go), with their position in the same
// transaction. Contents are described beside (describe.go), slowly while records are
// published. Three things make searches cheap: the newest release of each package is
// marked as such (heads.go), what contents have in common has lists (tags.go), and all
// words are known, so that a word with a typing error is one of a few others (words.go).
// Every read is bounded in rows.
package discovery

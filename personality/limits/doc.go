// Package limits keeps a server that is reachable by everybody usable when some
// of them mean harm or make mistakes: rates per client, how much work is done
// at a time, how slow a client may be, and how many connections there are. It
// knows net/http but nothing of the registry. The page docs/limits.md lists
// what is built from it.
//
// Every limit costs bounded memory, whoever comes. A nil limit is no limit.
package limits

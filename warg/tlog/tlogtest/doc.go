// Package tlogtest makes the two logs of a small registry in memory, for tests: the
// records and their leaves, the checkpoints, and what a registry serves of them as
// static files. It computes plainly, by the recursive definitions of RFC 6962, and
// shares no code with what it is to test.
package tlogtest

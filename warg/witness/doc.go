// Package witness reads policies, which say whose cosignatures make a checkpoint
// trustworthy, verifies cosignatures, and merges them into notes. It is pure: no I/O
// and no clock.
//
// The formats are those of C2SP (c2sp.org): tlog-policy, tlog-cosignature and
// signed-note. All that is read may come from somebody hostile: sizes are bounded,
// and what is not as the specifications say is refused.
package witness

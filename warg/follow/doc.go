// Package follow reads an append-only log from a source that nobody trusts.
//
// The log is a Merkle tree as in RFC 6962 section 2.1. Whoever follows it keeps a
// [State]: how many leaves were verified, and the few hashes that stand for them.
// [Next] reads leaves behind a state, recomputes the root, compares it with the one
// that the source gives, or has the source prove that the leaves read so far are a
// prefix of its log, and only then returns the leaves with the state behind them.
// Nothing else is remembered, so nothing can be half remembered: a caller that
// keeps the old state reads the same leaves again.
//
//	known := follow.State{} // or follow.NewState with what was stored
//	for {
//		batch, err := follow.Next(ctx, source, known, 1000)
//		if inconsistent, ok := errors.AsType[*follow.InconsistentError](err); ok {
//			return inconsistent // the log is not append-only: tell somebody
//		} else if err != nil {
//			return err // the source does not answer: try again later
//		}
//		// ... use batch.Leaves, store batch.State ...
//		known = batch.State
//		if !batch.More() {
//			return nil
//		}
//	}
//
// What is proved is that all leaves returned, from the first state to the last, are
// leaves of one log, in their places. That others are shown the same log cannot be
// learned from the source alone: it takes a root that others have signed.
package follow

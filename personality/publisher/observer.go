package publisher

import "time"

// Observer is told what [Publisher.Run] does, for metrics. Its methods are called
// between two steps of the work, by several goroutines, and must return at once.
type Observer interface {
	// Leading says whether this process publishes from now on.
	Leading(bool)
	// Waiting says how many records are handed to Trillian and not known to be
	// sequenced by it.
	Waiting(records int)
	// Integrated says that a checkpoint was made and stored that covers more of
	// the log than the one before: how many records it published, how many tiles
	// of the package index it wrote, and how long that took, from the leaves to
	// the committed transaction.
	Integrated(records, tiles int, took time.Duration)
	// Noted says that a note of a log, "records" or "checkpoints", was signed and
	// stored, and how many leaves it covers.
	Noted(log string, size uint64)
}

// unobserved is for a registry that nobody observes.
type unobserved struct{}

func (unobserved) Leading(bool)                       {}
func (unobserved) Waiting(int)                        {}
func (unobserved) Integrated(int, int, time.Duration) {}
func (unobserved) Noted(string, uint64)               {}

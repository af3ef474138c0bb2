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
	// Integrated says that a checkpoint was made and stored.
	Integrated(Integration)
}

// Integration is the making of a checkpoint that publishes records.
type Integration struct {
	Records int           // published by it
	Tiles   int           // of the package index, written
	Took    time.Duration // from the leaves to the committed transaction
}

// unobserved is for a registry that nobody observes.
type unobserved struct{}

func (unobserved) Leading(bool)           {}
func (unobserved) Waiting(int)            {}
func (unobserved) Integrated(Integration) {}

package parts

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// readyTimeout bounds how long a part may take to answer [Registry.Ready].
const readyTimeout = 2 * time.Second

// Part is what a registry needs to work, as metrics and alerts name it.
type Part string

// The parts.
const (
	PartPublishing     Part = "publishing"      // what is accepted is sequenced and integrated
	PartDatabase       Part = "database"        // it can be read
	PartDatabaseWrites Part = "database_writes" // it can be written
	PartTrillian       Part = "trillian"        // the records log can be read
	PartContent        Part = "content"         // the content store can be read
	PartContentWrites  Part = "content_writes"  // the content store can be written
)

// Condition is how a part is.
type Condition struct {
	Part Part
	Err  error // why it does not work; nil if it does
}

// prober is a content store that can tell whether it can be written.
type prober interface{ Probe(context.Context) error }

type check struct {
	part Part
	ask  func(context.Context) error
}

func (r *Registry) checks() []check {
	checks := []check{
		{PartPublishing, r.Publisher.Ready},
		{PartDatabase, r.Reader.ReadyDatabase},
		{PartDatabaseWrites, r.readyDatabaseWrites},
		{PartTrillian, r.Reader.ReadyTrillian},
		{PartContent, r.Admission.Ready},
	}
	if p, ok := r.contents.(prober); ok {
		checks = append(checks, check{PartContentWrites, func(ctx context.Context) error {
			if err := p.Probe(ctx); err != nil {
				return fmt.Errorf("the content store cannot be written: %w", err)
			}
			return nil
		}})
	}
	return checks
}

func (r *Registry) readyDatabaseWrites(ctx context.Context) error {
	if err := r.store.Writable(ctx); err != nil {
		return fmt.Errorf("the database cannot be written: %w", err)
	}
	return nil
}

// Conditions asks all parts at once how they are, in an order that is always the
// same. Each has a deadline of its own, and one that misses it is waited for no
// longer: a slow part says nothing about another one.
func (r *Registry) Conditions(ctx context.Context) []Condition {
	return ask(ctx, r.checks(), readyTimeout)
}

func ask(ctx context.Context, checks []check, timeout time.Duration) []Condition {
	answers := make([]chan error, len(checks))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for i, c := range checks {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- c.ask(ctx) }()
	}
	conditions := make([]Condition, len(checks))
	for i, c := range checks {
		conditions[i].Part = c.part
		select {
		case conditions[i].Err = <-answers[i]:
			continue
		case <-ctx.Done():
		}
		select { // it may have answered just now, by what its own deadline made of it
		case conditions[i].Err = <-answers[i]:
		default:
			conditions[i].Err = fmt.Errorf("%s did not answer within %v: %w", c.part, timeout, ctx.Err())
		}
	}
	return conditions
}

// Ready returns nil if the registry accepts, publishes and serves, and else an
// error with a line for each part that does not: which one, and why.
func (r *Registry) Ready(ctx context.Context) error {
	var found []error
	for _, c := range r.Conditions(ctx) {
		found = append(found, c.Err)
	}
	return errors.Join(found...)
}

package publisher

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// faultError is a finding that makes signing another checkpoint wrong: what a log
// or the database holds does not fit what was signed before. Trying again does not
// help.
type faultError struct{ error }

func (e faultError) Unwrap() error { return e.error }

func faultf(format string, args ...any) error {
	return faultError{fmt.Errorf(format, args...)}
}

// isFault tells a fault from a passing failure.
func isFault(err error) bool {
	if _, ok := errors.AsType[faultError](err); ok {
		return true
	}
	_, ok := errors.AsType[*follow.InconsistentError](err)
	return ok
}

func (p *Publisher) setFault(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		p.fault = err
	}
}

func (p *Publisher) faulted() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// The kinds of work of which [Publisher.Troubles] tells whether they fail.
const (
	sequencing = iota
	integrating
	kindsOfWork
)

// setFailure notes how the last attempt at a kind of work ended.
func (p *Publisher) setFailure(work int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures[work] = err
}

// Troubles returns why nothing is signed any more, and why the last attempt of
// this process to sequence or integrate failed; nil where all is well.
func (p *Publisher) Troubles() (fault, failure error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, errors.Join(p.failures[:]...)
}

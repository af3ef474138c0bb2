package withheld

import (
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Chain is what some statements of a registry, from the first on, come to. Make one with
// [NewChain]. Not safe for concurrent use.
type Chain struct {
	origin  protocol.Hash
	next    uint64
	head    protocol.Hash
	last    Statement
	inForce map[protocol.Hash]Statement
}

// NewChain returns the chain without statements of a registry: see [Statement.Origin].
func NewChain(origin protocol.Hash) *Chain {
	return &Chain{origin: origin, inForce: map[protocol.Hash]Statement{}}
}

// Length is how many statements there are.
func (c *Chain) Length() uint64 { return c.next }

// Head is the hash of the newest statement; zero if there is none.
func (c *Chain) Head() protocol.Hash { return c.head }

// Withheld returns the statement by which a content is withheld.
func (c *Chain) Withheld(digest protocol.Hash) (Statement, bool) {
	s, ok := c.inForce[digest]
	return s, ok
}

// InForce returns the statements by which contents are withheld, in their order.
func (c *Chain) InForce() []Statement {
	var all []Statement
	for _, s := range c.inForce {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Statement) int { return int(int64(a.Sequence) - int64(b.Sequence)) })
	return all
}

// OrderError says that a statement does not follow the newest.
type OrderError struct {
	Next uint64        // number of the statement that would
	Head protocol.Hash // hash of the newest
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("the statement does not follow the newest: the next has number %d, behind %s", e.Next, e.Head)
}

// Next fills in what makes a statement the next one. Its time is that of the statement
// before it, if it would be earlier.
func (c *Chain) Next(s Statement) Statement {
	s.Origin, s.Sequence, s.Previous = c.origin, c.next, c.head
	if s.Time.Before(c.last.Time) {
		s.Time = c.last.Time
	}
	return s
}

// Append takes the next statement in. On error, which is an [*OrderError] for one that does
// not follow, and a [*KeyError] for one by a key that does not count, nothing has changed.
func (c *Chain) Append(s Signed, keys Keys) error {
	key, ok := keys(s.KeyID)
	if !ok {
		return &KeyError{s.Sequence, s.KeyID}
	}
	if err := s.Verify(key); err != nil {
		return fmt.Errorf("statement %d: %w", s.Sequence, err)
	}
	return c.append(s.Statement)
}

func (c *Chain) append(s Statement) error {
	_, withheld := c.inForce[s.Digest]
	switch {
	case s.Origin != c.origin:
		return fmt.Errorf("the statement is of another registry, %s", s.Origin)
	case s.Sequence != c.next || s.Previous != c.head:
		return &OrderError{c.next, c.head}
	case s.Time.Before(c.last.Time):
		return fmt.Errorf("the statement has an earlier time than the one before it, %s", c.last.Time)
	case s.Action == Release && !withheld:
		return fmt.Errorf("content %s is not withheld", s.Digest)
	}
	if s.Action == Withhold {
		c.inForce[s.Digest] = s
	} else {
		delete(c.inForce, s.Digest)
	}
	c.next, c.head, c.last = c.next+1, s.Hash(), s
	return nil
}

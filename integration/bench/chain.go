package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// chainPosts is how many releases are measured around a place in the log.
const chainPosts = 20

// chain is a package that gets one release after the other.
type chain struct {
	*client
	key      protocol.PrivateKey
	name     protocol.PackageName
	head     protocol.AnyHash
	releases int
}

// next signs the next release.
func (c *chain) next() record {
	c.releases++
	r := newRecord(c.key, c.name, c.head, releaseEntry(fmt.Sprintf("1.0.%d", c.releases)))
	c.head = r.id.Any()
	return r
}

// measureChain compares the -releases'th release of a package with the tenth.
func measureChain(ctx context.Context, s *settings, t *table) error {
	srv, _, err := s.newServer(ctx, "chain")
	if err != nil {
		return err
	}
	defer srv.stop()
	c, err := newChain(ctx, srv.client)
	if err != nil {
		return err
	}
	acceptFirst, publishFirst, err := c.measureAround(ctx, 10)
	if err != nil {
		return err
	}
	acceptLast, publishLast, err := c.measureAround(ctx, s.releases)
	if err != nil {
		return err
	}
	compare := func(what string, first, last time.Duration) {
		t.add(fmt.Sprintf("release %d of a package against release 10, %s", s.releases, what), "at most twice the time",
			"%.2f times (%s, %s)", float64(last)/float64(first), milliseconds(last), milliseconds(first))
	}
	compare("post to accepted", acceptFirst, acceptLast)
	compare("post to published", publishFirst, publishLast)
	return nil
}

func newChain(ctx context.Context, client *client) (*chain, error) {
	if err := client.provideContent(ctx); err != nil {
		return nil, err
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	name, err := protocol.ParsePackageName(namespace + ":chain")
	if err != nil {
		return nil, err
	}
	c := &chain{client: client, key: key, name: name}
	first := newRecord(key, name, "", initEntry(key))
	c.head = first.id.Any()
	_, _, err = client.postAndWait(ctx, &first)
	return c, err
}

// measureAround posts releases until the n'th is near, then measures some about
// it, and returns the medians.
func (c *chain) measureAround(ctx context.Context, n int) (accept, publish time.Duration, err error) {
	for c.releases < n-1-chainPosts/2 {
		r := c.next()
		if err := c.post(ctx, &r); err != nil {
			return 0, 0, err
		}
	}
	var accepts, publishes []time.Duration
	for i := range chainPosts + 1 {
		r := c.next()
		accepted, published, err := c.postAndWait(ctx, &r)
		if err != nil {
			return 0, 0, err
		}
		if i > 0 { // the first one waits for those before it
			accepts, publishes = append(accepts, accepted), append(publishes, published)
		}
		time.Sleep(150*time.Millisecond + rand.N(100*time.Millisecond))
	}
	return median(accepts), median(publishes), nil
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	attackAddresses = 64
	// refusedPause is how long an attacker waits who was told that it is too much.
	refusedPause = 50 * time.Millisecond
)

// attacker is a client with a loopback address of its own, or one of several at
// the same one. Only one goroutine uses it.
type attacker struct {
	*attacks
	number int // counts all attackers
	ip     net.IP
	client *http.Client
}

// loopback is an address of this machine that is not 127.0.0.1.
func loopback(network, host byte) net.IP { return net.IPv4(127, 0, network, host) }

// dialer connects from an address.
func dialer(from net.IP) *net.Dialer { return &net.Dialer{LocalAddr: &net.TCPAddr{IP: from}} }

// newClientFrom is a client that connects from an address, and gives up after a
// time.
func newClientFrom(address string, from net.IP, timeout time.Duration) *client {
	c := newClient(address)
	c.http.Transport.(*http.Transport).DialContext = dialer(from).DialContext
	c.http.Timeout = timeout
	return c
}

// address is the host and port of a registry.
func (c *client) address() string { return strings.Trim(strings.TrimPrefix(c.base, "http:"), "/") }

// start lets all attackers behave in that way, and returns what ends them.
func (a *attacks) start(ctx context.Context, perAddress int, behave func(context.Context, *attacker)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for n := range attackAddresses * perAddress {
		ip := loopback(1, byte(1+n%attackAddresses))
		one := &attacker{attacks: a, number: n, ip: ip, client: newClientFrom(a.address, ip, 0).http}
		group.Go(func() {
			defer one.client.CloseIdleConnections()
			behave(ctx, one)
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// send posts a body and counts the answer. It returns the status: 0 if the
// connection was closed, or if the attack has ended, which is not counted.
func (a *attacker) send(ctx context.Context, kind, path string, body []byte) int {
	status := 0
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, bytes.NewReader(body))
	if err != nil {
		panic(fmt.Sprint("a request that can not be made: ", err)) // paths are of this program
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err == nil {
		status = response.StatusCode
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	if ctx.Err() == nil {
		a.answers.count(kind, status)
		if status == 0 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			sleep(ctx, refusedPause)
		}
	}
	return status
}

// sleep returns after a time, or when the context ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// prepareAll posts records that an attack needs, and waits until they are
// published.
func (a *attacks) prepareAll(ctx context.Context, records []record) error {
	for i := range records {
		if err := a.post(ctx, &records[i]); err != nil {
			return err
		}
	}
	for i := range records {
		if err := a.waitPublished(ctx, &records[i]); err != nil {
			return err
		}
	}
	return nil
}

// ownPackage is a name that only one attacker uses, and only once.
func (a *attacker) ownPackage(count int) protocol.PackageName {
	name, err := protocol.ParsePackageName(fmt.Sprintf("%s:attacker%d-p%d", namespace, a.number, count))
	if err != nil {
		panic(err) // names are of this program
	}
	return name
}

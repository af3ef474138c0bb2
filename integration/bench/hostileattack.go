package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	slowConnections = 500
	slowInterval    = time.Second // between what one of them sends
	oversizedRate   = 10          // bodies a second
	oversizedBody   = httpapi.DefaultMaxBody * 3 / 2
)

// attack is all that means harm to one registry, until it ends.
type attack struct {
	address string // host and port
	path    string // to post records to
	cancel  context.CancelFunc
	group   *errgroup.Group
	began   time.Time
	took    time.Duration

	garbage, oversized tally
	open               atomic.Int64 // slow connections at this time
	cut                atomic.Int64 // slow connections that the server ended
}

// startAttack returns once all slow connections are there and garbage is sent.
func startAttack(ctx context.Context, c *client) (*attack, error) {
	requests, err := newGarbage()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &attack{address: c.address(), path: api.PublishRecordPath(protocol.HashOf(nil)), cancel: cancel}
	a.group, ctx = errgroup.WithContext(ctx)
	for i := range slowConnections {
		a.group.Go(func() error { return a.slow(ctx, i) })
	}
	for a.open.Load() < slowConnections && ctx.Err() == nil {
		time.Sleep(pollInterval)
	}
	a.began = time.Now()
	for i := range garbageConnections {
		a.group.Go(func() error { return a.sendGarbage(ctx, requests, i) })
	}
	a.group.Go(func() error { return a.sendOversized(ctx) })
	if err := ctx.Err(); err != nil {
		return nil, cmp.Or(a.end(), err)
	}
	return a, nil
}

// end stops the attack. It fails if it could not go on, or if the registry took
// what it should not.
func (a *attack) end() error {
	a.took = time.Since(a.began)
	a.cancel()
	return errors.Join(a.group.Wait(), a.garbage.accepted(), a.oversized.accepted())
}

func (a *attack) report(t *table) {
	all, classes := a.garbage.classes()
	t.add(fmt.Sprintf("hostile: garbage sent, at %d/s", garbageRate), "", "%.0f/s (answered with 4xx: %d, 5xx: %d; closed without an answer: %d)",
		float64(all)/a.took.Seconds(), classes[4], classes[5], classes[0])
	all, classes = a.oversized.classes()
	t.add(fmt.Sprintf("hostile: bodies of %d KiB sent, at %d/s", oversizedBody>>10, oversizedRate), "", "%.0f/s (answered with 4xx: %d, 5xx: %d; closed while sending: %d)",
		float64(all)/a.took.Seconds(), classes[4], classes[5], classes[0])
	t.add(fmt.Sprintf("hostile: slow connections cut, of %d, each made anew", slowConnections), "", "%d in %.0f s", a.cut.Load(), a.took.Seconds())
	t.note("Answers to garbage: %v; to oversized bodies: %v.", a.garbage.counts, a.oversized.counts)
}

// slow keeps one connection open on which hardly anything comes: header lines on
// every other one, bytes of a body on the rest. When the server ends it, it is
// made anew.
func (a *attack) slow(ctx context.Context, number int) error {
	opening, more := fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: %s\r\n", a.path, a.address), "X-Slow: 1\r\n"
	if number%2 == 1 {
		opening, more = opening+"Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n{", " "
	}
	time.Sleep(slowInterval * time.Duration(number) / slowConnections) // not all in step
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("slow connection: %w", err)
		}
		a.open.Add(1)
		trickle(ctx, conn, opening, more)
		a.open.Add(-1)
		if ctx.Err() == nil {
			a.cut.Add(1)
		}
	}
	return nil
}

// trickle sends opening, and more now and then, until the server answers or
// closes the connection.
func trickle(ctx context.Context, conn net.Conn, opening, more string) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for text := opening; ; text = more {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
		conn.SetReadDeadline(time.Now().Add(slowInterval))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// sendOversized posts bodies larger than the registry takes at a steady rate, by
// turns with their length said before, and in chunks, so that the server has to
// read until it is too much.
func (a *attack) sendOversized(ctx context.Context) error {
	body := append([]byte(`{"packageName":"`), bytes.Repeat([]byte("a"), oversizedBody)...)
	sender := &http.Client{Transport: &http.Transport{}, Timeout: publishTimeout}
	defer sender.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	for i := 0; ctx.Err() == nil; i++ {
		time.Sleep(time.Until(a.began.Add(time.Duration(i) * time.Second / oversizedRate)))
		group.Go(func() error {
			request, err := http.NewRequestWithContext(ctx, "POST", "http://"+a.address+"/"+a.path, bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			kind := "a length"
			if i%2 == 1 {
				kind, request.ContentLength = "chunks", -1
			}
			response, err := sender.Do(request)
			switch {
			case ctx.Err() != nil:
			case err != nil: // the server closed the connection before all was sent
				a.oversized.count(kind, 0)
			default:
				a.oversized.count(kind, response.StatusCode)
			}
			if err == nil {
				response.Body.Close()
			}
			return nil
		})
	}
	return group.Wait()
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	garbageRate        = 2000 // requests a second
	garbageConnections = 64   // that they are sent on
	// garbageRequests is how many of each kind there are. They are made before,
	// so that sending them takes little of the machine.
	garbageRequests = 256
)

// garbage is a wrong request.
type garbage struct {
	kind, method, path string
	body               []byte
}

// newGarbage makes as many requests of each kind.
func newGarbage() ([]garbage, error) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	var all []garbage
	for i := range garbageRequests {
		name, err := protocol.ParsePackageName(fmt.Sprintf("%s:garbage%d", namespace, i))
		if err != nil {
			return nil, err
		}
		path, nothing := api.PublishRecordPath(name.LogID()), protocol.HashOf([]byte(name.String()))
		forged := forgedRecord(key, name)
		all = append(all,
			garbage{"malformed JSON", "POST", path, forged[:len(forged)/2]},
			garbage{"a bad signature", "POST", path, forged},
			garbage{"an unknown path", "GET", fmt.Sprintf("v1/garbage/%d", i), nil},
			garbage{"a bad hash in the path", "GET", fmt.Sprintf("v1/package/sha256:%d/record/x", i), nil},
			garbage{"a bad hash in the body", "POST", api.FetchLogsPath, fmt.Appendf(nil, `{"logLength":1,"packages":{"sha256:x%d":null}}`, i)},
			garbage{"a hash of nothing", "GET", api.PackageRecordPath(nothing, nothing), nil})
	}
	return all, nil
}

// forgedRecord is a request with a record that is right but for its signature,
// which is the same key's of another record.
func forgedRecord(key protocol.PrivateKey, name protocol.PackageName) []byte {
	content := protocol.PackageRecord{Time: protocol.TimeOf(time.Now()), Entries: []protocol.PackageEntry{initEntry(key)}}
	forged := content.Sign(key)
	content.Entries = append(content.Entries, releaseEntry("1.0.0"))
	forged.Signature = content.Sign(key).Signature
	return api.PublishRecordRequest{PackageName: name, Record: forged}.AppendJSON(nil)
}

// sendGarbage sends one connection's share of requests, chosen at random, at
// fixed times. What is late is sent at once, so that the rate does not fall with
// a slow server as long as not all connections wait for answers.
func (a *attack) sendGarbage(ctx context.Context, requests []garbage, number int) error {
	interval := garbageConnections * time.Second / garbageRate
	due := a.began.Add(interval * time.Duration(number) / garbageConnections)
	var conn *garbageConn
	defer func() { conn.close() }()
	for ; ; due = due.Add(interval) {
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			return nil
		}
		if conn == nil {
			dialled, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
			if ctx.Err() != nil {
				return nil
			} else if err != nil {
				return fmt.Errorf("connection for garbage: %w", err)
			}
			conn = newGarbageConn(ctx, dialled)
		}
		g := &requests[rand.N(len(requests))]
		status, keep := conn.send(g, a.address)
		if ctx.Err() != nil {
			return nil
		}
		a.garbage.count(g.kind, status)
		if !keep {
			conn.close()
			conn = nil
		}
	}
}

// garbageConn is a connection of plain HTTP/1.1, which costs the generator less
// than [http.Client].
type garbageConn struct {
	net.Conn
	answers *bufio.Reader
	release func() bool // of the context
}

func newGarbageConn(ctx context.Context, conn net.Conn) *garbageConn {
	return &garbageConn{conn, bufio.NewReader(conn), context.AfterFunc(ctx, func() { conn.Close() })}
}

func (c *garbageConn) close() {
	if c != nil {
		c.release()
		c.Close()
	}
}

// send returns the status of the answer, or 0 if there was none, and whether the
// connection can be used again.
func (c *garbageConn) send(g *garbage, host string) (status int, keep bool) {
	request := fmt.Appendf(nil, "%s /%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		g.method, g.path, host, len(g.body), g.body)
	if _, err := c.Write(request); err != nil {
		return 0, false
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err == nil && !response.Close
}

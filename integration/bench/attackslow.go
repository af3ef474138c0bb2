package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// slowRate is just more than the slowest that a registry allows, in bytes a
	// second; slowTick how often something is sent or read.
	slowRate = 4400
	slowTick = 100 * time.Millisecond

	// What is read slowly: one answer with all of these packages, 4 MiB.
	largePackages, largePackageReleases = 40, 900
	// What is sent slowly, in bytes.
	slowUpload, slowBody = 1 << 20, 200_000
	// slowWindow is the receive buffer of a slow reader: more would take in the
	// answer at once.
	slowWindow = 16 << 10
)

// dial connects from the attacker's address. The connection ends with ctx.
func (a *attacker) dial(ctx context.Context) (net.Conn, error) {
	d := dialer(a.ip)
	d.Control = func(_, _ string, raw syscall.RawConn) (err error) {
		if controlErr := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, slowWindow)
		}); err == nil {
			err = controlErr
		}
		return err
	}
	conn, err := d.DialContext(ctx, "tcp", a.attacks.address)
	if err == nil {
		context.AfterFunc(ctx, func() { conn.Close() })
	}
	return conn, err
}

// head is the head of a POST with that many bytes.
func (a *attacker) head(path string, length int) []byte {
	return fmt.Appendf(nil, "POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, a.attacks.address, length)
}

// pace says how many more bytes are due at the slow rate, by when it began and
// what was sent or read: also on a busy machine nobody is slower than that.
func pace(began time.Time, done int) int {
	return max(1, int(time.Since(began).Seconds()*slowRate)-done)
}

// sendSlowly posts a body of blanks, slowly, and counts the answer.
func (a *attacker) sendSlowly(ctx context.Context, kind, path string, length int) {
	conn, err := a.dial(ctx)
	if err != nil {
		sleep(ctx, refusedPause)
		return
	}
	defer conn.Close()
	status := 0
	if _, err := conn.Write(a.head(path, length)); err == nil {
		status = drip(conn, length)
	}
	if ctx.Err() != nil {
		kind += ", cut at the end of the attack"
	}
	a.answers.count(kind, status)
	sleep(ctx, refusedPause)
}

// drip sends blanks, until all are sent or the server answers or ends the
// connection, and returns the status of the answer; 0 without one.
func drip(conn net.Conn, length int) (status int) {
	answer := make([]byte, len("HTTP/1.1 200"))
	began := time.Now()
	for sent := 0; sent < length; {
		conn.SetReadDeadline(time.Now().Add(slowTick))
		n, err := io.ReadFull(conn, answer)
		if n == len(answer) {
			return statusIn(answer)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0
		}
		n = min(length-sent, pace(began, sent))
		if _, err := conn.Write(bytes.Repeat([]byte(" "), n)); err != nil {
			return 0
		}
		sent += n
	}
	conn.SetReadDeadline(time.Now().Add(publishTimeout))
	io.ReadFull(conn, answer)
	return statusIn(answer)
}

// statusIn reads the status in the first line of an answer; 0 if it is none.
func statusIn(answer []byte) (status int) {
	fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
	return status
}

// prepareSlowBodies: bodies of JSON, larger than those that need no turn.
func prepareSlowBodies(context.Context, *attacks) (func(context.Context, *attacker), error) {
	return func(ctx context.Context, a *attacker) {
		for ctx.Err() == nil {
			a.sendSlowly(ctx, "slow body", api.FetchLogsPath, slowBody)
		}
	}, nil
}

// prepareSlowUploads: content for records of the attackers' own.
func prepareSlowUploads(context.Context, *attacks) (func(context.Context, *attacker), error) {
	return func(ctx context.Context, a *attacker) {
		key, err := protocol.GeneratePrivateKey()
		for n := 0; err == nil && ctx.Err() == nil; n++ {
			name := a.ownPackage(n)
			content := []byte(name.String())
			r := newRecord(key, name, "", initEntry(key), releaseOf("1.0.0", content))
			if a.send(ctx, "record", r.postPath, r.body) == http.StatusAccepted {
				a.sendSlowly(ctx, "slow upload", api.UploadContentPath(r.logID, r.id, protocol.HashOf(content)), slowUpload)
			}
		}
	}, nil
}

// prepareSlowReaders: fetches of logs, whose answer is as large as it may be and
// is read slowly.
func prepareSlowReaders(ctx context.Context, a *attacks) (func(context.Context, *attacker), error) {
	var records []record
	logs := api.HashMap[*string]{}
	for i := range largePackages {
		key, name, err := newPackage(fmt.Sprintf("large%d", i))
		if err != nil {
			return nil, err
		}
		entries := []protocol.PackageEntry{initEntry(key)}
		for v := range largePackageReleases {
			entries = append(entries, releaseEntry(fmt.Sprintf("1.0.%d", v)))
		}
		records = append(records, newRecord(key, name, "", entries...))
		logs = append(logs, api.HashEntry[*string]{Hash: name.LogID().Any()})
	}
	if err := a.prepareAll(ctx, records); err != nil {
		return nil, err
	}
	checkpoint, err := a.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	body := api.FetchLogsRequest{LogLength: checkpoint.Contents.LogLength, Packages: logs}.AppendJSON(nil)
	return func(ctx context.Context, a *attacker) {
		for ctx.Err() == nil {
			a.readSlowly(ctx, append(a.head(api.FetchLogsPath, len(body)), body...))
		}
	}, nil
}

// readSlowly makes a request and reads the answer slowly, until it ends.
func (a *attacker) readSlowly(ctx context.Context, request []byte) {
	conn, err := a.dial(ctx)
	if err != nil {
		sleep(ctx, refusedPause)
		return
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return
	}
	status, began := 0, time.Now()
	for read := 0; ; {
		portion := make([]byte, max(len("HTTP/1.1 200"), pace(began, read)))
		n, err := conn.Read(portion)
		if read == 0 {
			status = statusIn(portion[:n])
		}
		read += n
		switch {
		case ctx.Err() != nil:
			a.answers.count("slow answer, cut at the end of the attack", status)
			return
		case err != nil || status != http.StatusOK:
			a.answers.count("slow answer", status)
			sleep(ctx, refusedPause)
			return
		}
		sleep(ctx, slowTick)
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// lean is a connection that makes requests at little cost: the generator shares the
// processors with what it measures.
type lean struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func dialLean(ctx context.Context, address string) (*lean, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &lean{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// get reads an answer, which must have status 200, to its end.
func (l *lean) get(path string) (size int64, err error) {
	l.request = append(append(append(l.request[:0], "GET /"...), path...), " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
	return l.exchange("GET", path)
}

// post posts a JSON body and reads the answer, which must have status 200, to its end.
func (l *lean) post(path string, body []byte) (size int64, err error) {
	l.request = append(append(append(l.request[:0], "POST /"...), path...), " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "...)
	l.request = append(strconv.AppendInt(l.request, int64(len(body)), 10), "\r\n\r\n"...)
	l.request = append(l.request, body...)
	return l.exchange("POST", path)
}

// exchange sends the request and reads the answer.
func (l *lean) exchange(method, path string) (size int64, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(publishTimeout)); err != nil {
		return 0, err
	}
	if _, err := l.conn.Write(l.request); err != nil {
		return 0, err
	}
	status, err := l.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return 0, l.refused(method, path, string(status))
	}
	length, chunked, err := l.header()
	switch {
	case err != nil:
		return 0, err
	case chunked:
		return l.chunks()
	}
	_, err = l.reader.Discard(length)
	return int64(length), err
}

// header reads the header of an answer.
func (l *lean) header() (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := l.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == len("content-length") && bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, false, err
			}
		case len(name) == len("transfer-encoding") && bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if length < 0 && !chunked {
		return 0, false, errors.New("an answer without a length")
	}
	return length, chunked, nil
}

// chunks reads a body in chunks.
func (l *lean) chunks() (size int64, err error) {
	for {
		line, err := l.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return 0, err
		}
		if _, err := l.reader.Discard(int(n) + len("\r\n")); err != nil {
			return 0, err
		}
		if size += n; n == 0 {
			return size, nil
		}
	}
}

// refused is the error of an answer with another status, with the beginning of its text.
func (l *lean) refused(method, path, status string) error {
	status = strings.TrimSpace(status)
	length, chunked, err := l.header()
	if err != nil {
		return fmt.Errorf("%s %s: %s: %w", method, path, status, err)
	}
	body := io.LimitReader(l.reader, int64(length))
	if chunked {
		body = httputil.NewChunkedReader(l.reader)
	}
	text, _ := io.ReadAll(io.LimitReader(body, 4<<10)) // the status says enough without it
	return &statusError{fmt.Sprintf("%s %s: %s: %s", method, path, status, text)}
}

// loadResult is what became of requests that were made on some connections for a
// time.
type loadResult struct {
	perSecond float64
	took      []time.Duration
	bytes     int64
}

func (r loadResult) String() string {
	return fmt.Sprintf("%.0f/s (p50 %s, p99 %s)", r.perSecond, milliseconds(median(r.took)), milliseconds(percentile(r.took, 0.99)))
}

// ask makes requests on connections for a time. next says what to ask, by the number
// of the connection and of its requests; the body may be used again by then.
func (c *client) ask(ctx context.Context, connections int, d time.Duration, next func(connection, request int) (path string, body []byte)) (r loadResult, err error) {
	byConnection := make([]loadResult, connections)
	address := strings.TrimSuffix(strings.TrimPrefix(c.base, "http://"), "/")
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range byConnection {
		group.Go(func() error {
			l, err := dialLean(ctx, address)
			if err != nil {
				return err
			}
			defer l.conn.Close()
			mine := &byConnection[i]
			for n, begin := 0, time.Now(); begin.Sub(start) < d && ctx.Err() == nil; n++ {
				path, body := next(i, n)
				size, err := l.post(path, body)
				if err != nil {
					return err
				}
				end := time.Now()
				mine.took, mine.bytes = append(mine.took, end.Sub(begin)), mine.bytes+size
				begin = end
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	elapsed := time.Since(start)
	for _, one := range byConnection {
		r.took, r.bytes = append(r.took, one.took...), r.bytes+one.bytes
	}
	if len(r.took) == 0 {
		return r, fmt.Errorf("no request was made in %s", d)
	}
	r.perSecond = float64(len(r.took)) / elapsed.Seconds()
	return r, nil
}

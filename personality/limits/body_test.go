package limits

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// refuseAll answers without reading anything; to /read it reads a little, to
// /all everything.
func refuseAll(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/read":
		io.ReadFull(r.Body, make([]byte, 10))
	case "/all":
		io.Copy(io.Discard, r.Body)
	}
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	io.WriteString(w, "refused")
}

// bodyServer serves as the registry does: bodies with a pace.
func bodyServer(t *testing.T) *httptest.Server {
	t.Helper()
	pace := Pace{PerSecond: 4096, Grace: 10 * time.Second}
	server := httptest.NewServer(WholeBodies(pace.Handler(http.HandlerFunc(refuseAll))))
	t.Cleanup(server.Close)
	return server
}

// exchangeRaw sends all of a request before it reads the answer, as simple clients
// do, and returns the answer, and whether the connection can be used again.
func exchangeRaw(t *testing.T, server *httptest.Server, head string, body io.Reader) (status int, again bool) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	for range 2 {
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatalf("sending the headers: %v", err)
		}
		if _, err := io.Copy(conn, body); err != nil {
			t.Fatalf("sending the body: %v", err)
		}
		r := bufio.NewReader(conn)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("reading the answer: %v", err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil || string(text) != "refused" {
			t.Fatalf("the answer is %q, %v", text, err)
		}
		if status = response.StatusCode; response.Close {
			if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection ended with %v", err)
			}
			return status, false
		}
		body = strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		head = ""
	}
	return status, true
}

// Whoever sends a body that nobody reads gets the answer, with whatever length and
// encoding.
func TestUnreadBodies(t *testing.T) {
	server := bodyServer(t)
	chunked := func(n int) io.Reader {
		const size = 1 << 16
		chunk := fmt.Sprintf("%x\r\n%s\r\n", size, strings.Repeat("x", size))
		return strings.NewReader(strings.Repeat(chunk, n/size) + "0\r\n\r\n")
	}
	for _, path := range []string{"/", "/read", "/all"} {
		for _, c := range []struct {
			name  string
			head  string
			body  io.Reader
			again bool // the connection lasts
		}{
			{"small", "Content-Length: 100000\r\n", strings.NewReader(strings.Repeat("x", 100_000)), true},
			{"small, last request", "Connection: close\r\nContent-Length: 100000\r\n", strings.NewReader(strings.Repeat("x", 100_000)), false},
			{"large", "Content-Length: 20000000\r\n", strings.NewReader(strings.Repeat("x", 20_000_000)), path == "/all"},
			{"small in chunks", "Transfer-Encoding: chunked\r\n", chunked(1 << 17), true},
			{"large in chunks", "Transfer-Encoding: chunked\r\n", chunked(20 << 20), path == "/all"},
		} {
			t.Run(c.name+" to "+path, func(t *testing.T) {
				status, again := exchangeRaw(t, server, "POST "+path+" HTTP/1.1\r\nHost: x\r\n"+c.head+"\r\n", c.body)
				if status != 413 || again != c.again {
					t.Errorf("status %d, the connection lasts: %v, want %v", status, again, c.again)
				}
			})
		}
	}
}

// A client that asks before it sends its body is answered at once, and never told
// to go on.
func TestRefusedExpectation(t *testing.T) {
	server := bodyServer(t)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second)) // the pace alone would give 10 s
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 413 ") || !strings.HasSuffix(string(all), "refused") {
		t.Errorf("answered %q, %v", all, err)
	}
}

// A body that stops coming delays the answer only for a moment, and the connection
// ends although the client does nothing.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	server := bodyServer(t)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(drainTime + lingerTime + 20*time.Second))
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 413 ") || !strings.Contains(string(all), "refused") {
		t.Errorf("answered %q, %v", all, err)
	}
}

// What a body is read for, and its pattern, pass through.
func TestWholeBodiesPassesThrough(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{path}", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	handler := WholeBodies(Pace{PerSecond: 1 << 20, Grace: time.Second}.Handler(mux))
	r := httptest.NewRequest("POST", "/x", strings.NewReader("hello"))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Body.String() != "hello" || r.Pattern != "POST /{path}" {
		t.Errorf("answered %q, pattern %q", w.Body, r.Pattern)
	}
}

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
	"sync"
	"testing"
	"time"
)

// pacedServer reads bodies and answers with what became of them, over a real
// connection. GET answers with 64 MiB.
func pacedServer(t *testing.T, p Pace, http2 bool) (*httptest.Server, <-chan error) {
	t.Helper()
	written := make(chan error, 1000)
	server := httptest.NewUnstartedServer(p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			_, err := io.Copy(w, io.LimitReader(zeros{}, 64<<20))
			written <- err
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		var refused *Refusal
		if errors.As(err, &refused) {
			w.WriteHeader(refused.Status)
			return
		}
		time.Sleep(3 * p.Grace / 2) // the server may take its time
		if r.Context().Err() != nil {
			t.Error("the request ended while the server worked on it")
		}
		fmt.Fprintf(w, "%d bytes, %v", n, err)
	})))
	if server.EnableHTTP2 = http2; http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, written
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// post sends so many pieces of 1000 bytes, one after each pause.
func post(server *httptest.Server, pieces int, pause time.Duration) (status int, answer string, err error) {
	body, feed := io.Pipe()
	go func() {
		for range pieces {
			time.Sleep(pause)
			if _, err := feed.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
		feed.Close()
	}()
	defer body.Close()
	response, err := server.Client().Post(server.URL, "", body)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func TestPaceOfBodies(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			server, _ := pacedServer(t, Pace{PerSecond: 20_000, Grace: 200 * time.Millisecond}, http2)
			// 50 kB/s for longer than the grace, twice on the same connection.
			for range 2 {
				if status, answer, err := post(server, 30, 20*time.Millisecond); err != nil || status != 200 || answer != "30000 bytes, <nil>" {
					t.Errorf("a fast client: %d %q %v", status, answer, err)
				}
			}
			start := time.Now()
			status, answer, err := post(server, 1000, 100*time.Millisecond) // 10 kB/s
			if err == nil && status != 408 || time.Since(start) > 5*time.Second {
				t.Errorf("a slow client: %d %q %v after %v", status, answer, err, time.Since(start))
			}
		})
	}
}

func TestPaceOfAnswers(t *testing.T) {
	server, written := pacedServer(t, Pace{PerSecond: 1 << 20, Grace: 100 * time.Millisecond}, false)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, response.Body); n != 64<<20 || err != nil {
		t.Errorf("a fast client got %d bytes, %v", n, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // and never reads
	select {
	case err := <-written:
		if err == nil {
			t.Error("64 MiB were written to a client that does not read")
		}
	case <-time.After(10 * time.Second):
		t.Error("the server still waits for a client that does not read")
	}
}

// Five hundred clients that send a byte now and then keep nobody else waiting,
// and are gone before long.
func TestSlowClients(t *testing.T) {
	server, _ := pacedServer(t, Pace{PerSecond: 4096, Grace: time.Second}, false)
	var slow sync.WaitGroup
	for range 500 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		slow.Go(func() {
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
			go func() {
				for {
					if _, err := conn.Write([]byte("x")); err != nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}()
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			answer, err := bufio.NewReader(conn).ReadString('\n')
			if !strings.HasPrefix(answer, "HTTP/1.1 408") {
				t.Errorf("a slow client was answered %q, %v", answer, err)
			}
		})
	}
	start := time.Now()
	if status, _, err := post(server, 1, 0); status != 200 || err != nil || time.Since(start) > 4*time.Second {
		t.Errorf("a good client: %d %v after %v", status, err, time.Since(start))
	}
	slow.Wait()
}

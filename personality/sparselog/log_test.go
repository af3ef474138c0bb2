package sparselog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newLog returns a log and what it has written.
func newLog(level slog.Level) (*Log, *bytes.Buffer) {
	var text bytes.Buffer
	handler := slog.NewTextHandler(&text, &slog.HandlerOptions{Level: level})
	return New(slog.New(handler)), &text
}

// take returns the lines written since the last time, without their times.
func take(text *bytes.Buffer) []string {
	var lines []string
	for line := range strings.Lines(text.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
		lines = append(lines, line)
	}
	text.Reset()
	return lines
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%s: written is\n%q, want\n%q", what, got, want)
	}
}

// pass lets time pass until all that happens in it has happened.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOneLineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := newLog(slog.LevelInfo)
		say := func(kind string, n int) { log.Write(t.Context(), slog.LevelWarn, kind, kind, "n", n) }
		say("a", 1)
		say("b", 1)
		expect(t, "the first of each kind", take(text), "level=WARN msg=a n=1", "level=WARN msg=b n=1")
		for n := range 1000 {
			say("a", n)
		}
		expect(t, "within the minute", take(text))
		pass(Period)
		expect(t, "after it", take(text), "level=WARN msg=a n=999 count=1000")
		say("a", 2) // the line above began another minute
		say("b", 2) // of these there was none
		expect(t, "in the second minute", take(text), "level=WARN msg=b n=2")
		pass(Period)
		expect(t, "after the second", take(text), "level=WARN msg=a n=2 count=1")
		pass(Period)
		expect(t, "after a quiet one", take(text))
		if len(log.kinds) != 0 {
			t.Errorf("%d kinds are kept of which nothing was written for a minute", len(log.kinds))
		}
		say("a", 3)
		expect(t, "after a quiet minute", take(text), "level=WARN msg=a n=3")
		pass(Period)
	})
}

// None is lost or counted twice, whoever writes when.
func TestCountIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := newLog(slog.LevelInfo)
		const writers, each = 8, 200
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range each {
					log.Write(t.Context(), slog.LevelWarn, "a", "a")
					time.Sleep(time.Second)
				}
			})
		}
		group.Wait()
		pass(2 * Period)
		lines, sum := take(text), 1 // the first has no count
		for _, line := range lines[1:] {
			var n int
			if _, err := fmt.Sscanf(line, "level=WARN msg=a count=%d", &n); err != nil {
				t.Fatalf("written is %q", line)
			}
			sum += n
		}
		if sum != writers*each || len(lines) > 2+each/60 {
			t.Errorf("%d were counted in %d lines, want %d", sum, len(lines), writers*each)
		}
	})
}

func TestLevel(t *testing.T) {
	log, text := newLog(slog.LevelError)
	log.Write(context.Background(), slog.LevelWarn, "a", "a")
	expect(t, "below the level", take(text))
	if len(log.kinds) != 0 {
		t.Error("a kind that is not logged is kept")
	}
}

// What one client can cause does not hide what another does, and never a panic.
func TestForServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := newLog(slog.LevelInfo)
		server := log.ForServer()
		for range 3 {
			server.Printf("http: TLS handshake error from %s: %v", "192.0.2.1:1", "EOF")
			server.Printf("http2: server connection error from %s", "192.0.2.1:2")
			server.Printf("something else")
			server.Printf("http: panic serving 192.0.2.1:3: a mistake")
		}
		expect(t, "at once", take(text),
			`level=WARN msg="http: TLS handshake error from 192.0.2.1:1: EOF"`,
			`level=WARN msg="http2: server connection error from 192.0.2.1:2"`,
			`level=WARN msg="something else"`,
			`level=ERROR msg="http: panic serving 192.0.2.1:3: a mistake"`,
			`level=ERROR msg="http: panic serving 192.0.2.1:3: a mistake"`,
			`level=ERROR msg="http: panic serving 192.0.2.1:3: a mistake"`)
		pass(Period)
		if lines := take(text); len(lines) != 3 || strings.Count(strings.Join(lines, "\n"), "count=2") != 3 {
			t.Errorf("after a minute: %q", lines)
		}
		pass(Period)
	})
}

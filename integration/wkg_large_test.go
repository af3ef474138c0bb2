package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWkgGetsLarge: content goes through the server without being held there. The times
// are beside one another: the same bytes read by wkg, which hashes and stores them twice,
// and read and thrown away.
func TestWkgGetsLarge(t *testing.T) {
	t.Parallel()
	const size, moreMemory = 50 << 20, 32 << 20
	s := startServer(t)
	publisher := newPublisher(t, s)
	content := module(strings.Repeat("fifty MiB of notes ", size/19))
	publisher.release("example:large", "1.0.0", content)
	s.stop(t)
	s.start(t) // without the memory that checking the upload took
	layer := s.image(t, "example/large", "1.0.0").Layers[0].Digest
	before := peakMemory(t, s)

	start := time.Now()
	got := newWkgOCI(t, s).get("example:large@1.0.0")
	byWkg := time.Since(start)
	if !bytes.Equal(got, content) {
		t.Error("wkg got other bytes")
	}
	start = time.Now()
	response, err := http.Get(s.url + "/v2/example/large/blobs/" + layer)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != int64(len(content)) || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	alone := time.Since(start)
	more := peakMemory(t, s) - before
	t.Logf("wkg get of %d MiB took %v, the blob alone %v; the server's memory peaked %d KiB higher", len(content)>>20, byWkg, alone, more>>10)
	if more > moreMemory {
		t.Errorf("the server took %d MiB more, at most %d are allowed", more>>20, moreMemory>>20)
	}
}

// peakMemory is the most memory in bytes that the server's process has had so far.
func peakMemory(t *testing.T, s *server) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("there is no VmHWM in\n%s", status)
	}
	kiB, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kiB << 10
}

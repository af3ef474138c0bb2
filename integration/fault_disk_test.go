package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// refusalsWanted is how many records must be refused for want of space before
// there is space again.
const refusalsWanted = 50

// TestFullDisk fills the disk under a server. It refuses what it can not keep;
// what it acknowledged is published once there is space again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !mountMemory(t, dir, 0, "size=24m") {
		t.Skip("TestFileSizeLimit shows the same where nothing can be mounted")
	}
	s := startServer(t, "--data-dir", filepath.Join(dir, "data"), "--min-free-space", "1KiB")
	s.dataDir = filepath.Join(dir, "data")
	testNoSpace(t, s, func() {}, func() {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=200m"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFileSizeLimit does the same by a limit on the size of each file.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	limit := func(bytes uint64) {
		var old unix.Rlimit
		if err := unix.Prlimit(s.process.Process.Pid, unix.RLIMIT_FSIZE, nil, &old); err != nil {
			t.Fatal(err)
		}
		if err := unix.Prlimit(s.process.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: old.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	testNoSpace(t, s, func() { limit(2 << 20) }, func() { limit(unix.RLIM_INFINITY) })
}

func testNoSpace(t *testing.T, s *server, takeSpace, giveSpace func()) {
	t.Helper()
	records := s.publishOne(t, "example:before")
	takeSpace()
	accepted, refused := s.fill(t, records[1].content)
	records = append(records, accepted...)
	if status, answer := s.ask(t, http.MethodGet, "/"+api.FetchCheckpointPath, nil); status != http.StatusOK {
		t.Errorf("reading without space: status %d: %s", status, answer)
	}
	giveSpace()
	// The server goes on by itself, and after a restart.
	records = append(records, s.publishOne(t, "example:after")...)
	s.waitPublished(t, records...)
	s.stop(t)
	s.start(t)
	records = append(records, s.publishOne(t, "example:restarted")...)
	// An error promises nothing: what was refused may have been kept.
	for _, r := range refused {
		if status, _ := s.ask(t, http.MethodGet, r.path(), nil); status == http.StatusOK {
			records = append(records, r)
		}
	}
	t.Logf("%d records accepted on the way, %d refused", len(accepted), len(refused))
	s.audit(t, records)
}

// fill posts packages with a content that is there until many posts have failed,
// and returns the records that were acknowledged and those that were not.
func (s *server) fill(t *testing.T, content []byte) (accepted, refused []*signedRecord) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for n := 0; len(refused) < refusalsWanted; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("only %d records were refused, %d accepted", len(refused), len(accepted))
		}
		a := newAuthor(t, fmt.Sprintf("example:fill%d", n))
		for _, r := range []*signedRecord{a.begin(), a.release(content)} {
			status, answer := s.send(t, r)
			if status == http.StatusAccepted {
				accepted = append(accepted, r)
				continue
			}
			refused = append(refused, r)
			var body api.MessageError
			if err := body.UnmarshalJSON(answer); err != nil || status < 500 || body.Status() != status {
				t.Fatalf("posting without space: status %d: %s", status, answer)
			}
			break
		}
	}
	return accepted, refused
}

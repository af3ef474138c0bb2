package objects

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
)

// The library of S3 writes nothing of its own among the lines of the log when a server has
// no checksums.
func TestS3WithoutChecksums(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "content")
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "user")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	read := func(parameters string) {
		t.Helper()
		os.Stderr = said // the library takes it when the bucket is opened
		b, err := Open(t.Context(), content.ObjectOptions{
			URL: "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + server.URL + parameters, Timeout: time.Minute,
		})
		os.Stderr = stderr
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		r, err := b.Read(t.Context(), "key", 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
			t.Fatalf("read %q, %v", got, err)
		}
	}
	size := func() int64 {
		t.Helper()
		info, err := said.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	read("")
	if n := size(); n != 0 {
		t.Errorf("it wrote %d bytes to standard error", n)
	}
	read("&response_checksum_validation=when_supported")
	if size() == 0 {
		t.Error("it writes nothing in any case: this test shows nothing")
	}
}

package objects

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
)

// Where there are no credentials, that is said in an error; and nothing is printed on
// standard output, where scripts read where the server listens.
func TestGCSWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/missing.json")
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("STORAGE_EMULATOR_HOST_GRPC", "")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()

	_, err = Open(t.Context(), content.ObjectOptions{URL: "gs://bucket", Timeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "set GOOGLE_APPLICATION_CREDENTIALS") {
		t.Errorf("without credentials: %v", err)
	}
	bucket, err := Open(t.Context(), content.ObjectOptions{URL: "gs://bucket?anonymous=true&prefix=warg/", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	w.Close()
	if printed, err := io.ReadAll(r); err != nil || len(printed) > 0 {
		t.Errorf("printed: %q, %v", printed, err)
	}
}

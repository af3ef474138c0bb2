// Package buckets starts servers of buckets that others have written, each with an
// empty bucket: versitygw for S3, fake-gcs-server for Google Cloud Storage, and Azurite
// for Azure Blob Storage. integration/tools/buckets.sh installs them.
package buckets

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// startTimeout is how long a server may take to answer.
const startTimeout = 60 * time.Second

// T is what is used of a test, or of a measurement, which the server ends with.
type T interface {
	Helper()
	Context() context.Context
	TempDir() string
	Setenv(name, value string)
	Cleanup(f func())
	Failed() bool
	Logf(format string, args ...any)
	Fatal(args ...any)
}

// Server is a server with one bucket.
type Server struct {
	// URL is the bucket's, for --content-url. Credentials are in the environment of the
	// test, which the processes that it starts inherit.
	URL string
	// Addr is where the server listens.
	Addr string
	// Dir is where S3 keeps buckets: folders with a file for each object.
	Dir     string
	process *exec.Cmd
}

// Pause has the server be silent until Resume.
func (s *Server) Pause(t T) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	// Until the last of its threads has stopped it may answer.
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(s.process.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatal(fmt.Errorf("the server did not stop: %v, status %#x", err, status))
	}
}

// Resume ends Pause.
func (s *Server) Resume(t T) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}

func (s *Server) signal(t T, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// S3 starts versitygw, which keeps objects in files.
func S3(t T) *Server {
	t.Helper()
	const user, secret = "warg-test", "warg-test-secret-of-s3"
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "warg"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", user)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	addr := freeAddr(t)
	s := &Server{Addr: addr, Dir: dir, URL: "s3://warg?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+addr)}
	s.start(t, "versitygw", "--port", addr, "--access", user, "--secret", secret, "--region", "us-east-1", "posix", dir)
	return s
}

// GCS starts fake-gcs-server.
func GCS(t T) *Server {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "warg"), 0o755); err != nil {
		t.Fatal(err)
	}
	// It takes any signature; the library wants a key to make one.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(keyFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	t.Setenv("STORAGE_EMULATOR_HOST", addr)
	s := &Server{Addr: addr, URL: "gs://warg?anonymous=true&access_id=warg@example.com&private_key_path=" + url.QueryEscape(keyFile)}
	s.start(t, "fake-gcs-server", "-scheme", "http", "-host", host, "-port", port, "-public-host", addr, "-external-url", "http://"+addr,
		"-backend", "filesystem", "-filesystem-root", dir, "-log-level", "error")
	return s
}

// Azure starts Azurite. It returns nil, and logs why, if it is not installed.
func Azure(t T) *Server {
	t.Helper()
	if _, err := tools.Path("azurite-blob"); err != nil {
		t.Logf("Azurite is not there (npm installs it): %v", err)
		return nil
	}
	// The account that every Azurite has, and documents.
	const account, key = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	t.Setenv("AZURE_STORAGE_ACCOUNT", account)
	t.Setenv("AZURE_STORAGE_KEY", key)
	addr := freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	s := &Server{Addr: addr, URL: "azblob://warg?protocol=http&localemu=true&domain=" + url.QueryEscape(addr)}
	s.start(t, "azurite-blob", "--blobHost", host, "--blobPort", port, "--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	credential, err := container.NewSharedKeyCredential(account, key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := container.NewClientWithSharedKeyCredential("http://"+addr+"/"+account+"/warg", credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func freeAddr(t T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the server and waits until it answers. It ends with the test.
func (s *Server) start(t T, command string, args ...string) {
	t.Helper()
	path, err := tools.Path(command)
	if err != nil {
		t.Fatal(err)
	}
	logFile, err := os.Create(filepath.Join(t.TempDir(), command+".log"))
	if err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command(path, args...)
	s.process.Stdout, s.process.Stderr = logFile, logFile
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.process.Process.Kill()
		s.process.Wait()
		logFile.Close()
		if t.Failed() {
			said, _ := os.ReadFile(logFile.Name())
			t.Logf("%s said:\n%s", command, said[max(0, len(said)-4096):])
		}
	})
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + s.Addr + "/")
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("%s does not answer: %w", command, err))
		}
	}
}

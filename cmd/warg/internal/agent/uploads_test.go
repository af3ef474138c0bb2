package agent

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// An upload goes on where it was when the agent is another process.
func TestUploadSurvivesARestart(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/restarted"
	data := bytes.Repeat([]byte("chunk "), 2000)
	at := a.do(t, "POST", "/v2/"+repo+"/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
	at = a.chunk(t, at, data, 0, 5000).want(t, 202, "").header.Get("Location")

	b := start(t, "", func(o *Options) { o.Dir, o.Signer = a.options.Dir, a.key })
	info := b.do(t, "GET", at, nil).want(t, 204, "")
	if got := info.header.Get("Range"); got != "0-4999" {
		t.Errorf("the upload has %s, want 0-4999", got)
	}
	at = b.chunk(t, at, data, 5000, len(data)).want(t, 202, "").header.Get("Location")
	b.do(t, "PUT", at+"?digest="+digestOf(data), nil).want(t, 201, "")
	b.do(t, "PUT", "/v2/"+repo+"/manifests/1.0.0", manifestOf(digestOf(data), len(data), "1.0.0"), "Content-Type", manifestType).want(t, 201, "")
	b.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf(data), nil).want(t, 200, "chunk")
}

func TestUploadOutOfPlace(t *testing.T) {
	t.Parallel()
	a := start(t, "", func(o *Options) { o.MaxContent = 100 })
	const base = "/v2/example/out-of-place/blobs/uploads/"
	data := []byte("0123456789")
	at := a.do(t, "POST", base, nil).want(t, 202, "").header.Get("Location")
	a.chunk(t, at, data, 0, 4).want(t, 202, "")
	a.chunk(t, at, data, 0, 4).want(t, 416, "has 4 bytes")
	a.chunk(t, at, data, 2, 6).want(t, 416, "has 4 bytes")
	if got := a.chunk(t, at, data, 6, 10).want(t, 416, "has 4 bytes").header.Get("Range"); got != "0-3" {
		t.Errorf("the upload has the range %q, want 0-3", got)
	}
	a.do(t, "PATCH", at, data[4:], "Content-Range", "4-6").want(t, 400, "Content-Length")
	a.chunk(t, at, bytes.Repeat(data, 20), 4, 150).want(t, 400, "larger than")
	a.chunk(t, at, bytes.Repeat(data, 20), 4, 102).want(t, 400, "larger than 100 bytes")
	a.chunk(t, at, data, 4, 10).want(t, 202, "")
	a.do(t, "PUT", at+"?digest="+digestOf(data[:9]), nil).want(t, 400, digestOf(data))
	a.do(t, "PUT", at+"?digest="+digestOf(data), nil).want(t, 404, `"BLOB_UPLOAD_UNKNOWN"`)
	for _, id := range []string{"Li4vLi4vYQ", "YQ", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE"} {
		a.do(t, "PATCH", base+id, data).want(t, 404, `"BLOB_UPLOAD_UNKNOWN"`)
	}
	a.do(t, "POST", base+"?digest="+digestOf(data), data).want(t, 201, "")
	a.do(t, "POST", base+"?digest="+digestOf(data), data[1:]).want(t, 400, `"DIGEST_INVALID"`)
	const second = "/v2/example/mounted/blobs/"
	a.do(t, "HEAD", second+digestOf(data), nil).want(t, 404, "") // it was pushed to another package
	a.do(t, "POST", second+"uploads/?mount="+digestOf(data)+"&from=example/other", nil).want(t, 404, "")
	a.do(t, "HEAD", second+digestOf(data), nil).want(t, 404, "")
	a.do(t, "POST", second+"uploads/?mount="+digestOf(data)+"&from=example/out-of-place", nil).want(t, 201, "")
	a.do(t, "HEAD", second+digestOf(data), nil).want(t, 200, "")
	a.do(t, "POST", base+"?mount="+digestOf([]byte("none"))+"&from=example/other", nil).want(t, 404, "")
	left, err := os.ReadDir(a.uploads.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%d uploads are left, %v", len(left), err)
	}
}

// A chunk that breaks off is as if it had not come.
func TestUploadBreaksOff(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	data := bytes.Repeat([]byte("x"), 10_000)
	at := a.do(t, "POST", "/v2/example/broken/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
	a.chunk(t, at, data, 0, 1000).want(t, 202, "")
	connection, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(connection, "PATCH %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\nContent-Range: 1000-9999\r\n\r\n%s", at, data[:3000])
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(connection); err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		info := a.do(t, "GET", at, nil)
		if info.status == 204 && info.header.Get("Range") == "0-999" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the upload has %v", info)
		}
	}
	a.chunk(t, at, data, 1000, 10_000).want(t, 202, "")
	a.do(t, "PUT", at+"?digest="+digestOf(data), nil).want(t, 201, "")
}

func TestOldUploadsAreRemoved(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	old := a.do(t, "POST", "/v2/example/old/blobs/uploads/", nil).want(t, 202, "").header.Get("Location")
	b := start(t, "", func(o *Options) {
		o.Dir, o.Signer, o.Now = a.options.Dir, a.key, func() time.Time { return time.Now().Add(uploadAge + time.Minute) }
	})
	b.chunk(t, old, []byte("xy"), 0, 2).want(t, 404, "push again")
}

package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// Over a real connection: content that comes slowly, of unknown length, after
// the server has said that it wants it.
func TestUploadOverTCP(t *testing.T) {
	f := &fake{}
	server := httptest.NewServer(newServer(t, f, httpapi.Options{}).http)
	defer server.Close()
	body, feed := io.Pipe()
	go func() {
		for range 5 {
			time.Sleep(5 * time.Millisecond)
			io.WriteString(feed, strings.Repeat("x", 100_000))
		}
		feed.Close()
	}()
	url := fmt.Sprintf("%s/v1/package/%s/record/%s/content/%s", server.URL, logID, recordID, digest)
	request, err := http.NewRequest("POST", url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Expect", "100-continue")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	equal(t, "status", response.StatusCode, 201)
	want := server.URL + "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	equal(t, "location", response.Header.Get("Location"), want)
	equal(t, "bytes that arrived", len(f.asked[3].(string)), 500_000)
}

func TestContentOverTCP(t *testing.T) {
	f := &fake{content: []byte(strings.Repeat("wasm", 100_000))}
	server := httptest.NewServer(newServer(t, f, httpapi.Options{}).http)
	defer server.Close()
	response, err := http.Get(server.URL + "/content/" + strings.Replace(digest.String(), ":", "-", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "same content", string(got) == string(f.content), true)
	equal(t, "length", response.ContentLength, int64(len(f.content)))
}

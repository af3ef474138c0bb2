package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func benchmark(b *testing.B, f *fake, path, body string) {
	h := httpapi.New(f, httpapi.Options{})
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(discard{http.Header{}}, r)
	}
}

func BenchmarkFetchLogs(b *testing.B) {
	records := make([]reader.PublishedRecord, 10)
	for i := range records {
		records[i] = reader.PublishedRecord{RecordID: recordID, Envelope: envelope, RegistryIndex: uint64(i)}
		records[i].Envelope.Content = make([]byte, 200)
	}
	f := &fake{logs: reader.FetchLogsResponse{Packages: []reader.PackageRecords{{LogID: logID, Records: records}}}}
	benchmark(b, f, "/v1/fetch/logs", fmt.Sprintf(`{"logLength":9,"operator":"%s","packages":{"%s":null}}`, recordID, logID))
}

func BenchmarkProveInclusion(b *testing.B) {
	f := &fake{bundle: make([]byte, 1200), mapBundle: make([]byte, 1200)}
	benchmark(b, f, "/v1/proof/inclusion", `{"logLength":100000,"leafs":[5,77]}`)
}

// BenchmarkEmptyHandler is what the measurement itself costs.
func BenchmarkEmptyHandler(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"logLength":100000,"leafs":[5,77]}`))
		r.Header.Set("Content-Type", "application/json")
		io.Copy(io.Discard, r.Body)
	}
}

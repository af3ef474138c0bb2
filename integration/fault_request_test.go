package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	beyond   = "18446744073709551616" // 2^64
	greatest = "18446744073709551615"
	signed64 = "9223372036854775808" // 2^63
)

// TestMalformedRequests makes requests that make no sense, or ask for what is
// not there. The statuses are the reference's; none is 500.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	records := s.publishOne(t, "example:here")
	log, init := records[0].pkg.LogID(), records[0]
	absent := protocol.HashOf([]byte("absent"))
	ofRecord := "/" + api.PublishRecordPath(log)
	good := string(init.body)
	many := func(item string) string { return strings.TrimSuffix(strings.Repeat(item+",", 10_001), ",") }
	var manyLogs []string
	for i := range 10_001 {
		manyLogs = append(manyLogs, fmt.Sprintf(`"%s":null`, protocol.HashOf([]byte(fmt.Sprint(i)))))
	}
	const logs, names, consistency, inclusion = "/v1/fetch/logs", "/v1/fetch/names", "/v1/proof/consistency", "/v1/proof/inclusion"
	for _, c := range []struct {
		name, path, body string // GET without a body
		status           int
		text             string // in the answer
	}{
		{"no JSON", ofRecord, "{", 400, ""},
		{"JSON of another kind", ofRecord, "[]", 422, ""},
		{"no members", ofRecord, "{}", 422, ""},
		{"invalid UTF-8", ofRecord, "{\"packageName\":\"\xff\"}", 422, ""},
		{"deep JSON", ofRecord, strings.Repeat("[", 200_000), 400, ""},
		{"huge body", ofRecord, strings.Repeat(" ", 3<<20) + good, 413, ""},
		{"not base64", ofRecord, strings.Replace(good, `"contentBytes":"`, `"contentBytes":"!`, 1), 422, ""},
		{"base64 without padding", ofRecord, strings.Replace(good, `"contentBytes":"`, `"contentBytes":"A`, 1), 422, ""},
		{"invalid name", ofRecord, strings.Replace(good, "example:here", "example:Here", 1), 422, ""},
		{"name without namespace", ofRecord, strings.Replace(good, "example:here", "here", 1), 422, ""},
		{"very long name", ofRecord, strings.Replace(good, "example:here", "example:"+strings.Repeat("a", 1<<18), 1), 400, "does not match"},
		{"name longer than a record may be", ofRecord, strings.Replace(good, "example:here", "example:"+strings.Repeat("a", 1<<20), 1), 413, ""},
		{"name of another log", ofRecord, strings.Replace(good, "example:here", "example:there", 1), 400, "does not match provided log identifier"},
		{"signature of another kind", ofRecord, strings.Replace(good, `"ecdsa-p256:`, `"rsa:`, 1), 422, ""},
		{"signature that is none", ofRecord, strings.Replace(good, `"ecdsa-p256:`, `"ecdsa-p256:AAAA`, 1), 422, ""},
		{"log id with a wrong length", "/v1/package/sha256:00/record", good, 400, "does not match provided log identifier `sha256:00`"},
		{"log id in upper case", "/v1/package/SHA256:00/record", good, 400, ""},

		{"no such log", logs, fmt.Sprintf(`{"logLength":1,"packages":{"%s":null}}`, absent), 404, fmt.Sprintf(`{"status":404,"type":"log","id":"%s"}`, absent)},
		{"length that was no checkpoint", logs, `{"logLength":0}`, 404, `{"status":404,"type":"logLength","id":0}`},
		{"length beyond", logs, `{"logLength":1000}`, 404, `{"status":404,"type":"logLength","id":1000}`},
		{"length of 63 bits", logs, `{"logLength":` + signed64 + `}`, 404, `"type":"logLength"`},
		{"length of 64 bits", logs, `{"logLength":` + greatest + `}`, 404, `{"status":404,"type":"logLength","id":` + greatest + `}`},
		{"length of 65 bits", logs, `{"logLength":` + beyond + `}`, 422, ""},
		{"negative length", logs, `{"logLength":-1}`, 422, ""},
		{"limit of nothing", logs, `{"logLength":1,"limit":0}`, 400, "invalid records limit value `0`: must be between 1 and 1000"},
		{"limit too great", logs, `{"logLength":1,"limit":1001}`, 400, "must be between 1 and 1000"},
		{"limit of 17 bits", logs, `{"logLength":1,"limit":65536}`, 422, ""},
		{"unknown token", logs, `{"logLength":1,"operator":"x"}`, 404, `{"status":404,"type":"fetchToken","id":"x"}`},
		{"too many logs", logs, `{"logLength":1,"packages":{` + strings.Join(manyLogs, ",") + `}}`, 413, ""},
		{"names of nothing", names, `{"packages":[]}`, 200, ""},
		{"name of an unknown log", names, fmt.Sprintf(`{"packages":["%s"]}`, absent), 404, fmt.Sprintf(`{"status":404,"type":"log","id":"%s"}`, absent)},

		{"consistency from nothing", consistency, `{"from":0,"to":1}`, 422, ""},
		{"consistency backwards", consistency, `{"from":2,"to":1}`, 422, ""},
		{"consistency beyond", consistency, `{"from":1,"to":1000}`, 404, `{"status":404,"type":"logLength","id":1000}`},
		{"consistency of 63 bits", consistency, `{"from":1,"to":` + signed64 + `}`, 404, `"type":"logLength"`},
		{"consistency of 64 bits", consistency, `{"from":` + greatest + `,"to":` + greatest + `}`, 404, `"type":"logLength"`},
		{"inclusion of nothing", inclusion, `{"logLength":1,"leafs":[]}`, 422, ""},
		{"inclusion beyond", inclusion, `{"logLength":1,"leafs":[1]}`, 404, `{"status":404,"type":"leaf","id":1}`},
		{"inclusion of 63 bits", inclusion, `{"logLength":1,"leafs":[` + signed64 + `]}`, 404, `"type":"leaf"`},
		{"inclusion of 64 bits", inclusion, `{"logLength":1,"leafs":[` + greatest + `]}`, 404, `"type":"leaf"`},
		{"inclusion at no checkpoint", inclusion, `{"logLength":1000,"leafs":[0]}`, 404, `"type":"logLength"`},
		{"inclusion of too many", inclusion, `{"logLength":1,"leafs":[` + many("0") + `]}`, 413, ""},
		{"checkpoint that is none", "/v1/verify/checkpoint", `{"contents":{}}`, 422, ""},

		{"ledger beyond", "/v1/ledger/records/1000", "", 200, ""},
		{"ledger of 63 bits", "/v1/ledger/records/" + signed64, "", 200, ""},
		{"ledger of 64 bits", "/v1/ledger/records/" + greatest, "", 200, ""},
		{"ledger of 65 bits", "/v1/ledger/records/" + beyond, "", 400, ""},
		{"no such record", fmt.Sprintf("%s/%s", ofRecord, absent), "", 404, fmt.Sprintf(`{"status":404,"type":"record","id":"%s"}`, absent)},
		{"record of no log", "/" + api.PackageRecordPath(absent, init.id), "", 404, fmt.Sprintf(`{"status":404,"type":"log","id":"%s"}`, absent)},
		{"no such content", "/" + api.ContentSourcesPath(absent), "", 404, fmt.Sprintf(`{"status":404,"type":"contentDigest","id":"%s"}`, absent)},
		{"upload without a record", "/" + api.UploadContentPath(log, absent, absent), "x", 404, `"type":"record"`},
		{"upload that is not wanted", "/" + api.UploadContentPath(log, init.id, absent), "x", 405, `{"status":405}`},
		{"content outside its folder", "/content/..%2f..%2foperator.key", "", 404, ""},
		{"no such page", "/v1/everything", "", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, contentType := http.MethodGet, ""
			if c.body != "" {
				method, contentType = http.MethodPost, "application/json"
			}
			status, answer, err := request(t.Context(), method, s.url+c.path, contentType, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !strings.Contains(string(answer), c.text) {
				t.Errorf("status %d: %.300s\nwant status %d, and in the body %s", status, answer, c.status, c.text)
			}
			var body api.MessageError
			if status >= 400 && c.text == "" && (body.UnmarshalJSON(answer) != nil || body.Status() != status) {
				t.Errorf("the body of status %d is %s", status, answer)
			}
		})
	}
	s.audit(t, append(records, s.publishOne(t, "example:unharmed")...))
	if said := s.stderr.String(); strings.Contains(said, "level=ERROR") {
		t.Errorf("the server takes bad requests for errors of its own: %s", said)
	}
}

// interruptUpload begins to upload the content of a record and hangs up.
func (s *server) interruptUpload(t *testing.T, r *signedRecord) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: registry\r\nContent-Length: %d\r\n\r\n%s",
		r.uploadPath(), len(r.content), r.content[:len(r.content)/2])
	if err != nil {
		t.Fatal(err)
	}
	pattern := filepath.Join(s.dataDir, "content", "tmp", "*")
	waitFor(t, "the upload to begin", func() bool { return len(glob(t, pattern)) > 0 })
	connection.Close()
	waitFor(t, "what came of the upload to be removed", func() bool { return len(glob(t, pattern)) == 0 })
	s.expectState(t, r, api.StateSourcing)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(retryDelay)
	}
}

func (s *server) waitRejected(t *testing.T, r *signedRecord, reason string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("record %s of %s to be rejected", r.id, r.pkg), func() bool {
		return s.recordState(t, r.pkg.String(), r.id.String()).State == string(api.StateRejected)
	})
	mustContain(t, s.recordState(t, r.pkg.String(), r.id.String()).Reason, reason)
}

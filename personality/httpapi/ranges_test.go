package httpapi_test

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// Parts of files, as RFC 9110 section 14 says, wherever files are served.
func TestRanges(t *testing.T) {
	const content = "0123456789"
	s := newServer(t, &fake{content: []byte(content)}, httpapi.Options{})
	tag := `"` + strings.Replace(digest.String(), ":", "-", 1) + `"`
	for _, place := range []struct{ path, tag, refusal string }{
		{"/content/" + strings.Trim(tag, `"`), tag, `{"status":416,"message":"the range asks for nothing that is there: there are 10 bytes"}`},
		{"/v2/foo/bar/blobs/" + digest.String(), `"` + digest.String() + `"`, refusal("RANGE_INVALID", "the range asks for nothing that is there: there are 10 bytes")},
	} {
		for header, want := range map[string]struct {
			status      int
			part, where string
		}{
			"bytes=0-":                               {206, content, "bytes 0-9/10"},
			"bytes=0-0":                              {206, "0", "bytes 0-0/10"},
			"bytes=2-4":                              {206, "234", "bytes 2-4/10"},
			"Bytes=2-4":                              {206, "234", "bytes 2-4/10"},
			"bytes= 2-4 ,":                           {206, "234", "bytes 2-4/10"},
			"bytes=8-20":                             {206, "89", "bytes 8-9/10"},
			"bytes=8-99999999999999999999":           {206, "89", "bytes 8-9/10"},
			"bytes=-3":                               {206, "789", "bytes 7-9/10"},
			"bytes=-30":                              {206, content, "bytes 0-9/10"},
			"bytes=-99999999999999999999":            {206, content, "bytes 0-9/10"},
			"bytes=10-,4-5":                          {206, "45", "bytes 4-5/10"}, // what is not there is left out
			"bytes=-0":                               {416, place.refusal, "bytes */10"},
			"bytes=-0,-0":                            {416, place.refusal, "bytes */10"},
			"bytes=10-":                              {416, place.refusal, "bytes */10"},
			"bytes=10-20,-0":                         {416, place.refusal, "bytes */10"},
			"bytes=99999999999999999999-":            {416, place.refusal, "bytes */10"},
			"bytes=4-2":                              {200, content, ""}, // malformed, like all below
			"bytes=2-4,x":                            {200, content, ""},
			"bytes=":                                 {200, content, ""},
			"bytes=,":                                {200, content, ""},
			"bytes=-":                                {200, content, ""},
			"bytes=--1":                              {200, content, ""},
			"bytes=+1-2":                             {200, content, ""},
			"bytes=1":                                {200, content, ""},
			"bytes 1-2":                              {200, content, ""},
			"bytes=1 -2":                             {200, content, ""},
			"bytes":                                  {200, content, ""},
			"lines=1-2":                              {200, content, ""},
			"bytes=0-0" + strings.Repeat(",2-2", 16): {200, content, ""}, // too many
		} {
			w := s.do("GET", place.path, "", "Range: "+header)
			what := place.path + " " + header
			equal(t, what+": status", w.Code, want.status)
			equal(t, what+": body", w.Body.String(), want.part)
			equal(t, what+": part", w.Header().Get("Content-Range"), want.where)
			if want.status == 416 {
				equal(t, what+": type", w.Header().Get("Content-Type"), "application/json")
				equal(t, what+": caching", w.Header().Get("Cache-Control"), "")
			}
			equal(t, what+": HEAD knows no parts", s.do("HEAD", place.path, "", "Range: "+header).Code, 200)
		}
		equal(t, "the file that it is", s.do("GET", place.path, "", "Range: bytes=1-2", "If-Range: "+place.tag).Body.String(), "12")
		for _, header := range []string{"bytes=1-2", "bytes=-0"} {
			equal(t, "another file", s.do("GET", place.path, "", "Range: "+header, `If-Range: "other"`).Body.String(), content)
			equal(t, "what is known", s.do("GET", place.path, "", "Range: "+header, "If-None-Match: "+place.tag).Code, 304)
		}
		several(t, s, place.path)
	}
	empty := newServer(t, &fake{content: []byte{}}, httpapi.Options{})
	equal(t, "all of nothing", empty.do("GET", "/content/"+strings.Trim(tag, `"`), "", "Range: bytes=0-").Code, 200)
}

// several asks for several parts of the file with the digits.
func several(t *testing.T, s *server, path string) {
	t.Helper()
	w := s.do("GET", path, "", "Range: bytes=0-1,-2")
	equal(t, "several parts", w.Code, 206)
	_, parameters, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for parts := multipart.NewReader(w.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		text, err2 := io.ReadAll(part)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		got += fmt.Sprintf("%s: %s\n", part.Header.Get("Content-Range"), text)
	}
	equal(t, "parts", got, "bytes 0-1/10: 01\nbytes 8-9/10: 89\n")
}

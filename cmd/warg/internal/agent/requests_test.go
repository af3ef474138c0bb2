package agent

import (
	"bytes"
	"strings"
	"testing"
)

func TestRefusalsHaveTheirCodes(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/codes"
	layer := a.push(t, repo, []byte("content"), 10)
	put := func(manifest []byte) answer {
		return a.do(t, "PUT", "/v2/"+repo+"/manifests/1.0.0", manifest, "Content-Type", manifestType)
	}
	put(bytes.Repeat([]byte(" "), maxManifest+1)).want(t, 400, `"MANIFEST_INVALID"`)
	put([]byte(`{"a":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+`}`)).want(t, 400, `"MANIFEST_INVALID"`)
	put([]byte("no JSON")).want(t, 400, `"MANIFEST_INVALID"`)
	put(manifestOf(layer, 8, "1.0.0")).want(t, 400, `"SIZE_INVALID"`)
	a.do(t, "PATCH", "/v2/"+repo+"/blobs/uploads/a.b", []byte("x")).want(t, 404, `"BLOB_UPLOAD_UNKNOWN"`)
	a.do(t, "GET", "/v2/_catalog", nil).want(t, 400, "does not list")
	a.do(t, "GET", "/v2/"+repo+"/tags/list", nil).want(t, 404, `"NAME_UNKNOWN"`)

	// What was pushed is there for those that push, and handed on when it is released.
	a.do(t, "HEAD", "/v2/"+repo+"/blobs/"+layer, nil).want(t, 200, "")
	a.do(t, "GET", "/v2/"+repo+"/blobs/"+layer, nil).want(t, 404, `"NAME_UNKNOWN"`)
	a.do(t, "HEAD", "/v2/"+repo+"/blobs/"+digestOf([]byte("other")), nil).want(t, 404, "")
	put(manifestOf(layer, 7, "1.0.0")).want(t, 201, "")
}

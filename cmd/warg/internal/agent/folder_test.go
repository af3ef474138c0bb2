package agent

import (
	"os"
	"strings"
	"testing"
)

// `warg reset` deletes the folder while the agent runs.
func TestTheFolderIsDeleted(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	const repo = "example/deleted"
	pushed := a.publish(t, repo, "1.0.0", []byte("one")).want(t, 201, "")
	if err := os.RemoveAll(a.options.Dir); err != nil {
		t.Fatal(err)
	}
	got := a.do(t, "GET", "/v2/"+repo+"/manifests/1.0.0", nil).want(t, 200, "1.0.0")
	if digest := digestOf([]byte(got.body)); digest != pushed.header.Get("Docker-Content-Digest") {
		t.Errorf("manifest %s", digest)
	}
	// What is remembered of images must lead to files, too.
	a.do(t, "GET", "/v2/"+repo+"/manifests/"+digestOf([]byte(got.body)), nil).want(t, 200, "1.0.0")
	a.do(t, "GET", "/v2/"+repo+"/blobs/"+digestOf([]byte("one")), nil).want(t, 200, "one")
	if err := os.RemoveAll(a.options.Dir); err != nil {
		t.Fatal(err)
	}
	a.publish(t, repo, "1.1.0", []byte("two")).want(t, 201, "")
}

// Answers do not say where the folder is.
func TestAnswersNameNoFiles(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	if err := os.RemoveAll(a.options.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.options.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := a.do(t, "POST", "/v2/example/no-folder/blobs/uploads/", nil).want(t, 500, "its log says why")
	if strings.Contains(got.body, a.options.Dir) || !strings.Contains(a.logged.String(), a.options.Dir) {
		t.Errorf("answered %s, logged %s", got.body, a.logged)
	}
}

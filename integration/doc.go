// Package integration has the tests that run the real things: the server as it
// is built, and the official client, warg-cli 0.10.0.
//
// The tests need the client at .cache/tools/bin/warg (from the top of the
// repository), where integration/tools/install.sh puts it; `make test` runs that
// first. Without it the tests fail, they are never skipped. To run one of them:
//
//	integration/tools/install.sh   # once, about 5 minutes
//	go test ./integration -run TestPublishAndDownload -v
//
// The server is built once per run from ./cmd. Each test has servers of its
// own, each with a temporary data folder and a free port on loopback, and
// clients of its own, each with a temporary home folder, so all tests run in
// parallel. When a test fails, it shows what its servers wrote to standard
// error; add --log-level debug to the flags of startServer to see each request.
//
// Both logs are read by tessera and torchwood (folder readers), cosigned by real witnesses
// (folder witnesses), and told lies about (folder liar: what a lying registry serves is
// made of what a real one does) for cmd/warg-auditor to find.
//
// The page /verify is tried in Node (testdata/verify) and in Chromium (folder chromium); where
// one of them is missing its tests are skipped and say so.
//
// What a test can do is in server_test.go (start, stop, kill, ask by plain
// HTTP), client_test.go (run the client, answer its questions) and wasm_test.go
// (make modules and components).
package integration

package main

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The metrics of a running server are on a listener of their own, and profiles
// only if they are asked for.
func TestMetricsListener(t *testing.T) {
	for _, profiles := range []bool{false, true} {
		args := []string{"serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data")}
		if profiles {
			args = append(args, "--debug-pprof")
		}
		cmd := program(t, nil, args...)
		messages, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		address := make(chan string, 1)
		go func() {
			serving := regexp.MustCompile(`msg="serving metrics" address=(\S+)`)
			for lines := bufio.NewScanner(messages); lines.Scan(); {
				if found := serving.FindStringSubmatch(lines.Text()); found != nil {
					address <- found[1]
				}
			}
			close(address)
		}()
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		metrics, api := "http://"+<-address, "http://"+strings.TrimSpace(strings.TrimPrefix(line, "listening on "))

		for url, want := range map[string]int{
			metrics + "/healthz":                                         200,
			metrics + "/debug/pprof/cmdline":                             map[bool]int{false: 404, true: 200}[profiles],
			metrics + "/v1/fetch/checkpoint":                             404,
			api + "/metrics":                                             404,
			api + "/debug/pprof/cmdline":                                 404,
			api + "/readyz":                                              200,
			metrics + "/debug/pprof/heap?debug=1":                        map[bool]int{false: 404, true: 200}[profiles],
			metrics + "/metrics?name[]=warg_leader&name[]=go_goroutines": 200,
		} {
			if status, body := get(t, url); status != want {
				t.Errorf("profiles %v, %s: status %d, want %d: %s", profiles, url, status, want, body)
			}
		}
		_, scraped := get(t, metrics+"/metrics")
		for _, want := range []string{"\nwarg_leader 1\n", "\nwarg_checkpoint_length 1\n", "\nwarg_build_info{", "\ngo_goroutines ", "\nprocess_open_fds "} {
			if !strings.Contains(scraped, want) {
				t.Errorf("the metrics do not have %q:\n%s", want, scraped)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for range address { // until standard error ends, as Wait closes it
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// What the environment says wrongly about tracing is an error in its settings.
func TestWrongTracing(t *testing.T) {
	cmd := program(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=carrier/pigeon"}, "serve", "--listen", "127.0.0.1:0")
	if _, stderr, status := result(t, cmd); status != exitUsage || !strings.Contains(stderr, "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

package main

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/config"
)

// Who listens for others without saying by which URL they come is told so.
func TestWarnOfBaseURL(t *testing.T) {
	for _, test := range []struct {
		url  config.URL
		ip   string
		warn bool
	}{
		{"", "0.0.0.0", true},
		{"", "::", true},
		{"", "192.0.2.1", true},
		{"", "127.0.0.1", false},
		{"", "::1", false},
		{"https://registry.example", "0.0.0.0", false},
	} {
		var logged bytes.Buffer
		settings := &config.Serve{Addresses: config.Addresses{BaseURL: test.url}}
		warnOfBaseURL(settings, &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 8090}, slog.New(slog.NewTextHandler(&logged, nil)))
		if got := strings.Contains(logged.String(), "--base-url"); got != test.warn || !got && logged.Len() > 0 {
			t.Errorf("URL %q at %s: logged %q", test.url, test.ip, logged.String())
		}
	}
}

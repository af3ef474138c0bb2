package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// The types below are texts that are checked when they are read, so that an
// error names the setting and its source. Each error says what is allowed. Those
// that come in lists leave out blanks around them: "a, b" is the list of a and b.

// HostPort is an address to listen on or to call: "host:port", the host
// possibly empty (all interfaces), the port a number. Empty means none.
type HostPort string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *HostPort) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		_, port, err := net.SplitHostPort(string(text))
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Errorf("%q is not an address such as 127.0.0.1:8090", text)
		}
	}
	*h = HostPort(text)
	return nil
}

// URL is an absolute http or https URL without query and fragment, kept
// without a trailing slash. Empty means none.
type URL string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *URL) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		parsed, err := url.Parse(string(text))
		if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" ||
			parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
			return fmt.Errorf("%q is not a URL such as https://registry.example.com", text)
		}
	}
	*u = URL(strings.TrimRight(string(text), "/"))
	return nil
}

// Namespace is a namespace name: lower kebab case.
type Namespace string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Namespace) UnmarshalText(text []byte) error {
	name := strings.TrimSpace(string(text))
	if err := checkNamespace(name); err != nil {
		return err
	}
	*n = Namespace(name)
	return nil
}

// Path is the path of a file, one of a list.
type Path string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Path) UnmarshalText(text []byte) error {
	*p = Path(strings.TrimSpace(string(text)))
	if *p == "" {
		return errors.New("the name of a file is empty")
	}
	return nil
}

// ImportedNamespace is a namespace that the registry with the domain Registry
// serves.
type ImportedNamespace struct{ Name, Registry string }

// UnmarshalText implements [encoding.TextUnmarshaler] for "NAME=REGISTRY".
func (i *ImportedNamespace) UnmarshalText(text []byte) error {
	name, registry, ok := strings.Cut(strings.TrimSpace(string(text)), "=")
	if !ok || registry == "" {
		return fmt.Errorf("%.80q is not of the form NAME=REGISTRY, such as wasi=registry.example.com", text)
	}
	if err := checkNamespace(name); err != nil {
		return err
	}
	if err := protocol.CheckRegistryHost(registry); err != nil {
		return fmt.Errorf("namespace %s can not be imported from %.80q: %w", name, registry, err)
	}
	*i = ImportedNamespace{Name: name, Registry: registry}
	return nil
}

func checkNamespace(name string) error {
	if !protocol.ValidNamespace(name) {
		return fmt.Errorf("%q is not a namespace: words of lower-case letters and digits, each beginning with a letter, joined by single hyphens", name)
	}
	return nil
}

// Origin is the origin of a registry, see [tlog.CheckOrigin]. Empty means none.
type Origin string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *Origin) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		if err := tlog.CheckOrigin(string(text)); err != nil {
			return err
		}
	}
	*o = Origin(text)
	return nil
}

// Duration is a length of time above zero, in Go's notation ("100ms", "24h").
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed <= 0 {
		return fmt.Errorf("%q is not a time above zero such as 100ms, 2s or 24h", text)
	}
	*d = Duration(parsed)
	return nil
}

// ByteSize is a number of bytes above zero.
type ByteSize int64

// UnmarshalText implements [encoding.TextUnmarshaler] for plain bytes or whole
// KiB, MiB or GiB.
func (b *ByteSize) UnmarshalText(text []byte) error {
	digits, unit := string(text), int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, unit = strings.TrimSpace(rest), int64(1)<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size above zero such as 1048576, 512KiB, 256MiB or 2GiB", text)
	}
	*b = ByteSize(n * unit)
	return nil
}

// ContentPolicy says which content is accepted.
type ContentPolicy string

// The content policies.
const (
	ContentPolicyWasm ContentPolicy = "wasm" // valid WebAssembly modules and components
	ContentPolicyNone ContentPolicy = "none" // anything
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *ContentPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, ContentPolicyWasm, ContentPolicyNone)
}

// LogFormat is the form of log lines.
type LogFormat string

// The forms of log lines.
const (
	LogFormatText LogFormat = "text" // key=value
	LogFormatJSON LogFormat = "json" // one object a line
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *LogFormat) UnmarshalText(text []byte) error {
	return oneOf(f, text, LogFormatText, LogFormatJSON)
}

// LogLevel is debug, info, warn or error.
type LogLevel string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *LogLevel) UnmarshalText(text []byte) error {
	return oneOf(l, text, "debug", "info", "warn", "error")
}

// Level is the level of package slog with that name.
func (l LogLevel) Level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l)); err != nil {
		return slog.LevelInfo // only a LogLevel that was not read from a text
	}
	return level
}

// Secret is a text that never shows in logs or printed structures. Convert it
// to a string to use it.
type Secret string

// String implements [fmt.Stringer].
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString implements [fmt.GoStringer].
func (s Secret) GoString() string { return s.String() }

// MarshalText implements [encoding.TextMarshaler]; it keeps the secret out of
// JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func oneOf[T ~string](target *T, text []byte, allowed ...T) error {
	var names []string
	for _, a := range allowed {
		if string(a) == string(text) {
			*target = a
			return nil
		}
		names = append(names, string(a))
	}
	last := len(names) - 1
	return errors.New(strconv.Quote(string(text)) + " is not " + strings.Join(names[:last], ", ") + " or " + names[last])
}

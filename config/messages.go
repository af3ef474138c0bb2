package config

import (
	"io"
	"log/slog"
)

// Messages are the settings of the server's own log.
type Messages struct {
	LogLevel  LogLevel  `env:"WARG_LOG_LEVEL" group:"diag" default:"info" placeholder:"LEVEL" help:"Least severe messages to log: debug, info, warn or error (default: ${default})."`
	LogFormat LogFormat `env:"WARG_LOG_FORMAT" group:"diag" default:"text" placeholder:"FORMAT" help:"Form of log lines, on standard error: text or json (default: ${default})."`
}

// Logger returns a logger that writes to w as the settings say.
func (m *Messages) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: m.LogLevel.Level()}
	if m.LogFormat == LogFormatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

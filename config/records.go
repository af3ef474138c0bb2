package config

import (
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
)

// Records are the settings of which records are accepted, and when they are
// published. In counts 0 is no limit.
type Records struct {
	UploadTimeout Duration `env:"WARG_UPLOAD_TIMEOUT" group:"content" default:"1h" placeholder:"TIME" help:"A record that waits for content is rejected when none of it has come for so long (default: ${default})."`

	CheckpointInterval Duration `env:"WARG_CHECKPOINT_INTERVAL" group:"log" default:"100ms" placeholder:"TIME" help:"At most one checkpoint in this time (default: ${default}). A lone record does not wait for it."`

	MaxQueue     Count    `env:"WARG_MAX_QUEUE" group:"limits" default:"50000" placeholder:"N" help:"Records that may wait to be published; while there are so many, more are answered with 503 (default: ${default})."`
	MaxClockSkew Duration `env:"WARG_MAX_CLOCK_SKEW" group:"limits" default:"10m" placeholder:"TIME" help:"A record dated further ahead of this machine's clock is refused (default: ${default})."`

	MaxWaiting       Count    `env:"WARG_MAX_WAITING" group:"limits" default:"50000" placeholder:"N" help:"Records that may wait for content, in all; more are answered with 503, or take the place of those of the client that has most (default: ${default})."`
	MaxWaitingBytes  ByteSize `env:"WARG_MAX_WAITING_BYTES" group:"limits" default:"256MiB" placeholder:"SIZE" help:"Size of the records that wait for content, in all; one package log, and one key, may have a quarter of it. More are answered with 503 or 429 (default: ${default})."`
	MaxWaitingPerLog Count    `env:"WARG_MAX_WAITING_PER_LOG" group:"limits" default:"256" placeholder:"N" help:"Records that may wait for content in one package log; more are answered with 429 (default: ${default})."`
	MaxWaitingPerKey Count    `env:"WARG_MAX_WAITING_PER_KEY" group:"limits" default:"1000" placeholder:"N" help:"Records signed by one key that may wait for content; more are answered with 429 (default: ${default})."`
}

// waitingShares is into how many parts the size of all records that wait is
// divided: one package log, and one key, have one of them at most.
const waitingShares = 4

func (r *Records) admission() admission.Options {
	return admission.Options{
		UploadTimeout: time.Duration(r.UploadTimeout),
		MaxQueue:      int(r.MaxQueue),
		MaxClockSkew:  time.Duration(r.MaxClockSkew),
		Waiting: admission.WaitingLimits{
			Records: int64(r.MaxWaiting), Bytes: int64(r.MaxWaitingBytes),
			LogRecords: int64(r.MaxWaitingPerLog), LogBytes: int64(r.MaxWaitingBytes) / waitingShares,
			SignerRecords: int64(r.MaxWaitingPerKey), SignerBytes: int64(r.MaxWaitingBytes) / waitingShares,
		},
	}
}

func (r *Records) publisher() publisher.Options {
	return publisher.Options{CheckpointInterval: time.Duration(r.CheckpointInterval)}
}

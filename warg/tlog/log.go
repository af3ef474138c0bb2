package tlog

// Log is one of the two logs of a registry.
type Log string

const (
	// Records has a leaf for each record; an entry is [protocol.LogLeaf.Encode].
	Records Log = "records"
	// Checkpoints has a leaf for each checkpoint with new roots, in the order of
	// their lengths; an entry is [protocol.Checkpoint.Encode].
	Checkpoints Log = "checkpoints"
)

// Logs are both.
var Logs = [...]Log{Records, Checkpoints}

// Path is the log's place below the URL of the registry: "tlog/records" or
// "tlog/checkpoints". The paths of its files are below it.
func (l Log) Path() string { return "tlog/" + string(l) }

// Origin is the log's origin, and the name of its note keys: that of the registry,
// such as "registry.example.com", followed by a slash and the path. The origin of a
// log is its URL without the scheme where the registry is served at its own origin
// (tlog-tiles, "Parameters").
func (l Log) Origin(registry string) string { return registry + "/" + l.Path() }

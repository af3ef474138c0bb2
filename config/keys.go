package config

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
)

// Keys are the settings of who runs the registry, and who may use it.
type Keys struct {
	Namespace              []Namespace         `env:"WARG_NAMESPACE" group:"who" placeholder:"NAME" help:"Namespace that this registry defines, in lower kebab case (repeatable). Added to the operator log at start; namespaces are never removed."`
	ImportedNamespace      []ImportedNamespace `env:"WARG_IMPORTED_NAMESPACE" group:"who" placeholder:"NAME=REGISTRY" help:"Namespace that another registry serves, and that registry's domain (repeatable); clients are sent there."`
	Origin                 Origin              `env:"WARG_ORIGIN" group:"who" placeholder:"NAME" help:"Origin of this registry, by which witnesses and auditors know its two logs: the host (and path) at which it is served, such as registry.example.com (default: a name derived from the operator key). It cannot be changed once the registry has started with it."`
	RecordsNoteKeyFile     string              `env:"WARG_RECORDS_NOTE_KEY_FILE" name:"records-note-key-file" group:"who" placeholder:"FILE" help:"File with the key that signs the notes of the records log (default: records-note.key in the data folder). It is made at the first start; processes that share a registry need the same one."`
	CheckpointsNoteKeyFile string              `env:"WARG_CHECKPOINTS_NOTE_KEY_FILE" name:"checkpoints-note-key-file" group:"who" placeholder:"FILE" help:"Likewise for the checkpoints log (default: checkpoints-note.key in the data folder)."`
	WitnessPolicyFile      string              `env:"WARG_WITNESS_POLICY_FILE" name:"witness-policy-file" group:"who" placeholder:"FILE" help:"C2SP tlog-policy with the witnesses that cosign the checkpoints of both logs, each with its URL, and the quorum without which a checkpoint is not served. Read again on SIGHUP."`
	WitnessInterval        Duration            `env:"WARG_WITNESS_INTERVAL" name:"witness-interval" group:"who" default:"10s" placeholder:"TIME" help:"At most one checkpoint of a log is sent to the witnesses in this time, and only if something is new (default: ${default})."`
	WitnessFailOpen        bool                `env:"WARG_WITNESS_FAIL_OPEN" name:"witness-fail-open" group:"who" default:"false" help:"Serve the newest checkpoint that is signed, cosigned by a quorum or not."`
	AuthorizedKeysFile     string              `env:"WARG_AUTHORIZED_KEYS_FILE" group:"who" placeholder:"FILE" help:"TOML file with the keys that may publish, by namespace and package; without it, anybody may. Read again on SIGHUP."`
	TokensFile             string              `env:"WARG_TOKENS_FILE" group:"who" placeholder:"FILE" help:"File with the hashes of bearer tokens; with it the registry is private. warg-personality token new makes its lines. Read again on SIGHUP."`
	RegistriesFile         string              `env:"WARG_REGISTRIES_FILE" name:"registries-file" group:"who" placeholder:"FILE" help:"YAML file with other registries that this one answers for, by the header Warg-Registry, each with its domain, URL, operator key and mode; without it, this registry answers for itself alone."`

	OperatorKeys
}

// DefaultOperatorKeyFile is the operator key's file when no setting names one.
// Only this file is made by the server itself.
func (s *Serve) DefaultOperatorKeyFile() string {
	return filepath.Join(s.DataDir, "operator.key")
}

func (k *Keys) check() error {
	seen := map[string]string{}
	for _, n := range k.Namespace {
		if seen[string(n)] != "" {
			return fmt.Errorf("--namespace: %q is listed twice", n)
		}
		seen[string(n)] = "--namespace"
	}
	for _, n := range k.ImportedNamespace {
		if by := seen[n.Name]; by != "" {
			return fmt.Errorf("--imported-namespace: %q is already listed by %s; a namespace has one registry", n.Name, by)
		}
		seen[n.Name] = "--imported-namespace"
	}
	return nil
}

func (k *Keys) notes() personality.Notes {
	return personality.Notes{Origin: string(k.Origin), RecordsKeyFile: k.RecordsNoteKeyFile, CheckpointsKeyFile: k.CheckpointsNoteKeyFile}
}

func (k *Keys) witnesses() personality.Witnesses {
	return personality.Witnesses{PolicyFile: k.WitnessPolicyFile, Interval: time.Duration(k.WitnessInterval), FailOpen: k.WitnessFailOpen}
}

func (k *Keys) namespaces() admission.Namespaces {
	var all admission.Namespaces
	for _, n := range k.Namespace {
		all.Defined = append(all.Defined, string(n))
	}
	for _, n := range k.ImportedNamespace {
		all.Imported = append(all.Imported, admission.ImportedNamespace{Namespace: n.Name, Registry: n.Registry})
	}
	return all
}

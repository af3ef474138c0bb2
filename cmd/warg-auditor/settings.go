package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// maxPolicyFile is the size in bytes of the largest policy file that is read.
const maxPolicyFile = 1 << 20

// sourceFlags say how a registry is asked.
type sourceFlags struct {
	Token string `env:"WARG_TOKEN" placeholder:"TOKEN" help:"Bearer token of a private registry. Rather set it in the environment, where others do not see it."`
}

// open returns the registry at a URL, or in a folder. It makes no request.
func (f sourceFlags) open(place string) (audit.Source, error) {
	if strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://") {
		return audit.NewHTTPSource(place, audit.HTTPOptions{Token: f.Token})
	}
	if strings.Contains(place, "://") {
		return nil, fmt.Errorf("%q is neither a folder nor a URL with the scheme http or https", place)
	}
	root, err := os.OpenRoot(place)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a URL, such as https://registry.example.com, nor a folder: %w", place, err)
	}
	return audit.NewFolderSource(root.FS(), place), nil
}

// noteFlags say which notes are believed.
type noteFlags struct {
	VKeys  []string `name:"vkey" sep:"none" placeholder:"VKEY" help:"Public key of a log's notes, <name>+<hash>+<base64> (repeatable). 'warg-personality note-key show' prints them."`
	Policy string   `placeholder:"FILE" help:"Policy file (C2SP tlog-policy) with the witnesses that must have cosigned notes, and perhaps logs."`
}

// policy reads the policy file; nil if there is none.
func (f noteFlags) policy() (*witness.Policy, []byte, error) {
	if f.Policy == "" {
		return nil, nil, nil
	}
	text, err := readFile(f.Policy, maxPolicyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("--policy: %w", err)
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil {
		return nil, nil, fmt.Errorf("--policy %s: %w", f.Policy, err)
	}
	return policy, text, nil
}

// vkeys are the keys of the flags and of the policy, of logs of registries.
func (f noteFlags) vkeys() ([]string, error) {
	if err := mirror.CheckVKeys(f.VKeys); err != nil {
		return nil, fmt.Errorf("--vkey: %w", err)
	}
	policy, _, err := f.policy()
	if err != nil || policy == nil {
		return f.VKeys, err
	}
	all := slices.Clone(f.VKeys)
	for _, log := range policy.Logs() {
		if mirror.CheckVKeys([]string{log.VKey}) == nil { // others may be in it, too
			all = append(all, log.VKey)
		}
	}
	return all, nil
}

// verifiers are the keys of the flags that sign for records logs.
func (f noteFlags) verifiers() ([]note.Verifier, error) {
	if err := mirror.CheckVKeys(f.VKeys); err != nil {
		return nil, fmt.Errorf("--vkey: %w", err)
	}
	return mirror.KeysOf(tlog.Records, f.VKeys)
}

// operatorFlags say whose registry it is.
type operatorFlags struct {
	OperatorKey publicKey `placeholder:"KEY" help:"Public key that the operator log must begin with, ecdsa-p256:<base64>. 'warg-personality key info' prints it. Without it, the key that is met first is believed."`
}

// publicKey is a public key on the command line.
type publicKey struct{ protocol.PublicKey }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *publicKey) UnmarshalText(text []byte) error {
	key, err := protocol.ParsePublicKey(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a public key such as ecdsa-p256:<base64>: %w", text, err)
	}
	k.PublicKey = key
	return nil
}

// packageName is the name of a package on the command line.
type packageName struct{ protocol.PackageName }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *packageName) UnmarshalText(text []byte) (err error) {
	n.PackageName, err = protocol.ParsePackageName(string(text))
	return err
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, err
}

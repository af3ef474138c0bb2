package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

type verifyCommand struct {
	File    string      `arg:"" help:"File, such as hello.wasm."`
	Proof   string      `placeholder:"FILE" help:"Its proof, for which no registry is asked. FILE.tlog-proof is taken if it is there and a key for it is known."`
	Package packageName `placeholder:"NAME" help:"Package that must have released it."`
	Version string      `short:"v" placeholder:"VERSION" help:"Version that it must have been released as."`
	Online  bool        `help:"Ask the registry, whether there is a proof or not."`
	VKeys   []string    `name:"vkey" sep:"none" placeholder:"VKEY" help:"Public key of the registry's records log, for --proof (repeatable). 'warg config --vkey' keeps it."`
	session.Flags
}

// Help is shown by `verify --help`.
func (verifyCommand) Help() string {
	return "Says which release of which package the file is. The registry proves it, as of its latest checkpoint, and that the release was not " +
		"yanked; or a proof that came with the file does, without any network, as of the time of the proof. " +
		"Without --package, the packages that are remembered are looked through, and then the registry's whole records log, until a release is found that was not yanked.\n\n" +
		"That the registry withholds the content is shown, and changes nothing about what is proved.\n\n" +
		"Exit status: 1 if no package has released the file, or the release was yanked; 3 if it is not what --package and --version say, or the proof does not hold."
}

// identified is a file and the release that it is, as JSON.
type identified struct {
	File      string               `json:"file"`
	Digest    protocol.Hash        `json:"digest"`
	Package   protocol.PackageName `json:"package"`
	Versions  []string             `json:"versions"`
	RecordID  protocol.Hash        `json:"recordId"`
	By        protocol.KeyID       `json:"by"`
	Proof     string               `json:"proof"` // how it was proved: registry or tlog-proof
	Log       string               `json:"log"`   // URL of the registry, or origin of the log
	LogLength uint64               `json:"logLength"`
	Quorum    string               `json:"quorum,omitempty"` // of witnesses
	NotProved []string             `json:"notProved,omitempty"`
	Withheld  *withheldShown       `json:"withheld,omitempty"` // by the registry, when it proved this
}

// Run says which release a file is.
func (c verifyCommand) Run(env *environment, out *output) error {
	if c.Online && c.Proof != "" {
		return usage("--proof is for verifying without the registry; leave out --online, or verify twice")
	}
	digest, err := digestOf(c.File)
	if err != nil {
		return usageError{err}
	}
	s, err := c.OpenOffline(env.options(out))
	if err != nil && !(c.Proof != "" && errors.Is(err, home.ErrNoRegistry)) {
		return err
	}
	options, err := c.proofOptions(s)
	if err != nil {
		return err
	}
	proof := c.Proof
	if beside := c.File + ".tlog-proof"; proof == "" && !c.Online && (len(options.Logs) > 0 || options.Policy != nil) {
		if _, err := os.Stat(beside); err == nil {
			proof = beside
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if proof != "" {
		return c.offline(out, digest, proof, options)
	}
	return env.withRegistry(out, c.Flags, func(s *session.Session) error { return c.online(env, out, s, digest) })
}

// proofOptions are whom a proof is believed from: the flags' keys, or the configured ones,
// and the policy.
func (c verifyCommand) proofOptions(s *session.Session) (o recordproof.Options, err error) {
	vkeys := c.VKeys
	if s != nil {
		o.Policy = s.Policy
		if len(vkeys) == 0 {
			vkeys = s.Trust.VKeys
		}
	} else if c.Policy != "" {
		if o.Policy, err = session.ReadPolicy(c.Policy); err != nil {
			return o, usageError{err}
		}
	}
	if err := mirror.CheckVKeys(vkeys); err != nil {
		return o, usage("--vkey: %w", err)
	}
	var logs []note.Verifier
	if logs, err = mirror.KeysOf(tlog.Records, vkeys); err != nil {
		return o, usage("--vkey: %w", err)
	}
	o.Logs, o.Name, o.Version = logs, c.Package.PackageName, c.Version
	return o, nil
}

// offline verifies the file with a proof.
func (c verifyCommand) offline(out *output, digest protocol.Hash, path string, o recordproof.Options) error {
	f, err := os.Open(path)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, recordproof.MaxProof+1))
	if err != nil {
		return err
	}
	result, err := recordproof.Verify(text, digest, o)
	if errors.Is(err, recordproof.ErrNoKey) {
		return usage("%w: give the key of the registry's records log with --vkey, or a policy with a log line, or ask the registry with --online", err)
	}
	if err != nil {
		return unprovedError{fmt.Errorf("%s with proof %s: %w", c.File, path, err)}
	}
	lines := []string{"Proved:"}
	for _, s := range result.Proved() {
		lines = append(lines, "  "+s)
	}
	lines = append(lines, "Not proved:")
	for _, s := range result.NotProved() {
		lines = append(lines, "  "+s)
	}
	out.say("verified", identified{
		File: c.File, Digest: digest, Package: result.Name, Versions: result.Versions, RecordID: result.RecordID, By: result.Signer,
		Proof: "tlog-proof", Log: result.Head.Origin, LogLength: result.Head.Size, Quorum: result.Quorum, NotProved: result.NotProved(),
	}, lines...)
	return nil
}

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
)

type verifyCommand struct {
	File    string      `arg:"" type:"path" help:"File that was released, such as hello.wasm."`
	Proof   string      `required:"" type:"path" placeholder:"FILE" help:"Its proof, as 'prove' writes it."`
	Package packageName `placeholder:"NAME" help:"Package that must have released it; any if it is not given."`
	Version string      `placeholder:"VERSION" help:"Version that it must have been released as."`
	Online  string      `placeholder:"URL" help:"Ask the registry as well whether the release is yanked by now."`
	noteFlags
	operatorFlags
	sourceFlags
	outputFlags
}

// Help is shown by `verify --help`.
func (verifyCommand) Help() string {
	return "Goes from the bytes of the file to the record that released it, its signature, the log, and the witnesses, without any network, and says " +
		"in words what is proved and what is not. It takes the key of the log: --vkey, or a log line in the policy.\n\n" +
		"Exit status: 0 if it is proved, 1 if it is not, 2 if a file can not be read or the registry not be asked."
}

// Run verifies a file.
func (c verifyCommand) Run(env *environment) error {
	out := c.outputFlags.open(env)
	digest, err := digestOf(c.File)
	if err != nil {
		return err
	}
	proof, err := readFile(c.Proof, recordproof.MaxProof)
	if err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Name, o.Version = c.Package.PackageName, c.Version
	result, err := recordproof.Verify(proof, digest, o)
	if errors.Is(err, recordproof.ErrNoKey) {
		return fmt.Errorf("%w: give the key of the log with --vkey, or a policy with a log line", err)
	}
	if err != nil {
		out.say("verified", refused{Reason: err.Error()}, fmt.Sprintf("NOT PROVED: %v", err))
		return errFindings
	}
	said, unsaid := result.Proved(), result.NotProved()
	answer := verifiedFile{
		Holds: true, Package: result.Name, Versions: result.Versions, Digest: digest, RecordID: result.RecordID,
		Signer: result.Signer, Log: result.Head.Origin, Size: result.Head.Size, Index: result.Index, Quorum: result.Quorum,
	}
	for _, w := range result.Cosignatures {
		answer.Witnesses = append(answer.Witnesses, cosignature{w.Witness, w.Time.UTC()})
	}
	if c.Online != "" {
		online, err := c.askOnline(env, result)
		var refuted *refutedError
		if errors.As(err, &refuted) {
			out.say("verified", refused{Reason: err.Error()}, fmt.Sprintf("NOT PROVED: %v", err))
			return errFindings
		}
		if err != nil {
			return err
		}
		said, unsaid = append(said, online.said), online.unsaid
		answer.Online = &online
	}
	answer.Proved, answer.NotProved = said, unsaid
	lines := []string{"Proved:"}
	for _, s := range said {
		lines = append(lines, "  "+s)
	}
	lines = append(lines, "Not proved:")
	for _, s := range unsaid {
		lines = append(lines, "  "+s)
	}
	out.say("verified", answer, lines...)
	return out.failed()
}

// verifiedFile is what was proved, as JSON.
type verifiedFile struct {
	Holds     bool                 `json:"holds"`
	Package   protocol.PackageName `json:"package"`
	Versions  []string             `json:"versions"`
	Digest    protocol.Hash        `json:"digest"`
	RecordID  protocol.Hash        `json:"recordId"`
	Signer    protocol.KeyID       `json:"signer"`
	Log       string               `json:"log"`
	Size      uint64               `json:"size"`
	Index     uint64               `json:"index"`
	Witnesses []cosignature        `json:"witnesses,omitempty"`
	Quorum    string               `json:"quorum,omitempty"`
	Online    *onlineAnswer        `json:"online,omitempty"`
	Proved    []string             `json:"proved"`
	NotProved []string             `json:"notProved"`
}

type cosignature struct {
	Witness string    `json:"witness"`
	Time    time.Time `json:"time"`
}

// options are what a proof is verified with.
func (f noteFlags) options() (o recordproof.Options, err error) {
	if o.Logs, err = f.verifiers(); err != nil {
		return o, err
	}
	o.Policy, _, err = f.policy()
	return o, err
}

func digestOf(path string) (protocol.Hash, error) {
	f, err := os.Open(path)
	if err != nil {
		return protocol.Hash{}, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return protocol.Hash{}, err
	}
	return protocol.Hash(hash.Sum(nil)), nil
}

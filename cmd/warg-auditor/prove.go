package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/wholefile"
)

type proveCommand struct {
	URL       string      `arg:"" help:"URL of the registry, or an export of it."`
	Name      packageName `arg:"" help:"Package, such as example:hello."`
	Version   string      `arg:"" help:"Version that was released."`
	FromFiles bool        `help:"Make the proof from the static files, though the registry says that it has none."`
	Output    string      `short:"o" required:"" type:"path" placeholder:"FILE" help:"File to write; its name should end with .tlog-proof."`
	sourceFlags
	noteFlags
	outputFlags
}

// Help is shown by `prove --help`.
func (proveCommand) Help() string {
	return "Asks the registry for the proof of a release, or makes it from the static files of one that makes none (that reads all of its " +
		"records). With --vkey or --policy it is verified before it is written.\n\n" +
		"Exit status: 1 if the version was not released, or the proof does not hold."
}

// Run gets a proof.
func (c proveCommand) Run(env *environment) error {
	if err := protocol.CheckVersion(c.Version); err != nil {
		return fmt.Errorf("version %q: %w", c.Version, err)
	}
	out := c.outputFlags.open(env)
	vkeys, err := c.vkeys()
	if err != nil {
		return err
	}
	source, err := c.sourceFlags.open(c.URL)
	if err != nil {
		return err
	}
	text, err := c.ask(env, source)
	if err == nil && text == nil {
		var p tlog.Proof
		p, err = mirror.Prove(env.context, source, vkeys, c.Name.PackageName, c.Version)
		text = p.Encode()
	}
	var missing *mirror.NotReleasedError
	var inconsistent *mirror.InconsistentError
	var none noProofError
	if errors.As(err, &missing) || errors.As(err, &inconsistent) || errors.As(err, &none) {
		out.say("proof", refused{Reason: err.Error()}, "NO PROOF: "+err.Error())
		return errFindings
	}
	if err != nil {
		return err
	}
	return c.write(env, out, text)
}

// ask asks the registry for the proof; nil if it makes none.
func (c proveCommand) ask(env *environment, source audit.Source) ([]byte, error) {
	path := fmt.Sprintf("tlog/records/proof/%s/%s/%s", c.Name.Namespace(), c.Name.Name(), c.Version)
	status, body, err := source.Open(env.context, audit.Request{Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, recordproof.MaxProof+1))
	if status != http.StatusOK {
		var refusal api.MessageError
		if err == nil && !c.FromFiles && refusal.UnmarshalJSON(text) == nil {
			return nil, noProofError{refusal.Message}
		}
		return nil, nil // it makes none: a file server
	}
	if err == nil && len(text) > recordproof.MaxProof {
		err = fmt.Errorf("the proof has more than %d bytes", recordproof.MaxProof)
	}
	return text, err
}

// noProofError: the registry says that it has no proof.
type noProofError struct{ message string }

func (e noProofError) Error() string {
	return "the registry has no proof: " + e.message + " (--from-files makes one from all of its records, if they have the release)"
}

// write verifies the proof as far as keys are given, and writes it.
func (c proveCommand) write(env *environment, out *output, text []byte) error {
	digest, err := recordproof.ClaimedDigest(text, c.Version)
	if err != nil {
		out.say("proof", refused{Reason: err.Error()}, "NO PROOF: what the registry gave is none: "+err.Error())
		return errFindings
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Name, o.Version = c.Name.PackageName, c.Version
	result, err := recordproof.Verify(text, digest, o)
	verified := err == nil
	if err != nil && !errors.Is(err, recordproof.ErrNoKey) {
		out.say("proof", refused{Reason: err.Error()}, "NO PROOF: what the registry gave does not hold: "+err.Error())
		return errFindings
	}
	if err := writeFile(c.Output, text); err != nil {
		return err
	}
	remark := fmt.Sprintf("%s proves the release of %s %s, content %s, in the log %s with %d entries", c.Output, c.Name, c.Version, digest, result.Head.Origin, result.Head.Size)
	if !verified {
		remark = fmt.Sprintf("%s is written and not verified: no key of the log is pinned (--vkey, or a log in --policy)", c.Output)
	}
	out.say("proof", writtenProof{verified, c.Output, c.Name.PackageName, c.Version, digest}, remark)
	return out.failed()
}

type writtenProof struct {
	Verified bool                 `json:"verified"`
	File     string               `json:"file"`
	Package  protocol.PackageName `json:"package"`
	Version  string               `json:"version"`
	Digest   protocol.Hash        `json:"digest"`
}

// writeFile makes or replaces a file that all may read, whole or not at all.
func writeFile(path string, data []byte) error {
	return wholefile.Replace(path, 0o644, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

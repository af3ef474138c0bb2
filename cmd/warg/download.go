package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

type downloadCommand struct {
	Package packageSpec `arg:"" help:"Package, such as example:hello, or example:hello@1.0.0."`
	Version *string     `short:"v" placeholder:"VERSION" help:"Version, such as 1.0.0, or requirement, such as '^1.2' or '>=1, <2'. Without one it is the highest that is no pre-release."`
	Output  string      `short:"o" placeholder:"PATH" help:"File to write, or folder to write NAME.wasm to; '-' is standard output. Without it the content is kept in the local content folder, whose path is shown."`
	session.Flags
}

// Help is shown by `download --help`.
func (downloadCommand) Help() string {
	return "Before the file gets its name, all of this was verified: every record of the package, the signature of the registry's checkpoint, " +
		"that the checkpoint continues the one that was seen last, that the records are in the log and the newest of them is what the map says, " +
		"what a policy, a pinned operator key and --max-age demand, and the digest of the bytes.\n\n" +
		"Content that the registry withholds ends it with status 1, with the operator's reason and reference, and whether he has signed that; " +
		"3 if the list of what he withholds does not hold. What is in the content folder already is taken from there."
}

type downloaded struct {
	Package   protocol.PackageName `json:"package"`
	Version   string               `json:"version"`
	Digest    protocol.Hash        `json:"digest"`
	Size      int64                `json:"size"` // bytes
	Path      string               `json:"path,omitempty"`
	RecordID  protocol.Hash        `json:"recordId"`
	By        protocol.KeyID       `json:"by"`
	LogLength uint64               `json:"logLength"` // of the checkpoint
}

// Run downloads a release.
func (c downloadCommand) Run(env *environment, out *output) error {
	version := c.Package.Version
	switch {
	case c.Version != nil && *c.Version == "":
		return usage("--version is empty; leave it out for the highest version")
	case c.Version != nil && version != "":
		return usage("the version is given twice; name it once")
	case c.Version != nil:
		version = *c.Version
	}
	if c.Output == "-" && out.json {
		return usage("--json and the content can not both go to standard output")
	}
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		p, err := s.Client.Package(env.context, c.Package.Name)
		if err != nil {
			return err
		}
		release, err := resolve(p, version)
		if err != nil {
			return err
		}
		digest, err := release.Content.Hash()
		if err != nil {
			return err
		}
		output, err := c.output(env)
		if err != nil {
			return err
		}
		if err := inFolder(output); err != nil {
			return err
		}
		path, size, err := fetch(env, s, digest, output)
		if err != nil {
			return err
		}
		if output == "-" {
			return nil
		}
		d := downloaded{p.Name, release.Version, digest, size, path, release.RecordID, release.By, p.Checkpoint.Contents.LogLength}
		out.say("downloaded", d,
			fmt.Sprintf("Downloaded version: %s", d.Version), fmt.Sprintf("Digest: %s", digest),
			fmt.Sprintf("Released by key %s on %s; verified in the registry's log of %d records", d.By, date(release.Time), d.LogLength),
			fmt.Sprintf("Wrote `%s` to %s", p.Name, path))
		return nil
	})
}

// output is the path to write to; "" for the content folder.
func (c downloadCommand) output(env *environment) (string, error) {
	file := c.Package.Name.Name() + ".wasm"
	switch info, err := os.Stat(c.Output); {
	case c.Output == "" && env.mayAsk(c.Config):
		yes, err := env.confirm(fmt.Sprintf("Write `%s` in current directory?", file))
		if err != nil || !yes {
			return "", err
		}
		return file, nil
	case c.Output == "", c.Output == "-":
		return c.Output, nil
	case err == nil && info.IsDir(), strings.HasSuffix(c.Output, "/"):
		return filepath.Join(c.Output, file), nil
	}
	return c.Output, nil
}

// inFolder refuses a file whose folder is not there, which may be a misspelt one.
func inFolder(output string) error {
	if output == "" || output == "-" {
		return nil
	}
	folder := filepath.Dir(output)
	switch info, err := os.Stat(folder); {
	case err != nil:
		return usage("--output: the folder %s can not be written to; make it first: %w", folder, err)
	case !info.IsDir():
		return usage("--output: %s is no folder", folder)
	}
	return nil
}

// fetch gets content, from the content folder if it is there, and otherwise from the
// registry. The bytes are those with the digest, or the error says so, and no file is
// changed. Standard output gets them when all are verified.
func fetch(env *environment, s *session.Session, digest protocol.Hash, output string) (path string, size int64, err error) {
	kept := s.Home.ContentFile(digest)
	have := checkFile(kept, digest) == nil
	through := isSpecial(output)
	if !have && output != "" && output != "-" && !through {
		err := s.Client.DownloadFile(env.context, digest, output)
		return output, fileSize(output), err
	}
	if !have {
		if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
			return "", 0, err
		}
		if err := s.Client.DownloadFile(env.context, digest, kept); err != nil {
			return "", 0, err
		}
	}
	switch {
	case output == "":
		return kept, fileSize(kept), nil
	case output == "-":
		return "", 0, copyVerified(env.stdout, kept, digest)
	case through:
		return output, fileSize(kept), writeThrough(output, kept, digest)
	}
	file, mode, err := client.Destination(output)
	if err != nil {
		return "", 0, err
	}
	err = home.ReplaceFile(file, mode, func(w io.Writer) error { return copyVerified(w, kept, digest) })
	return output, fileSize(output), err
}

// isSpecial says whether a path is there and is neither a regular file nor a folder: a
// device or a named pipe, which is written to and not replaced.
func isSpecial(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// writeThrough writes a file that has a digest to a device or a named pipe. All of it was
// verified before the first byte is written.
func writeThrough(path, kept string, digest protocol.Hash) error {
	if err := checkFile(kept, digest); err != nil {
		return err
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(copyVerified(w, kept, digest), w.Close())
}

func checkFile(path string, digest protocol.Hash) error {
	return copyVerified(io.Discard, path, digest)
}

// copyVerified copies a file that has a digest. On error w may have got something else.
func copyVerified(w io.Writer, path string, digest protocol.Hash) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash), f); err != nil {
		return err
	}
	if got := protocol.Hash(hash.Sum(nil)); got != digest {
		return fmt.Errorf("%s has the digest %s, not %s: remove it, or `warg clear`", path, got, digest)
	}
	return nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// digestOf is the digest of a file.
func digestOf(path string) (protocol.Hash, error) {
	content, err := client.ContentOfFile(path)
	return content.Digest, err
}

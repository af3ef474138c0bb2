package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// cyclonedx makes the SBOMs.
const cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

// sumsName is the file of checksums.
const sumsName = "SHA256SUMS"

// name is what the files of a target begin with.
func (b *build) name(t target) string {
	return "warg-trillian_" + strings.TrimPrefix(b.version, "v") + "_" + t.os + "_" + t.arch
}

// boms writes the SBOM of each command, read from the program itself: what the linker took is what
// is listed. The serial number is made of what it describes, and there is no time in it.
// Licences are in THIRD-PARTY-LICENSES: the tool would look for them in the network.
func (b *build) boms(t target, bin string) error {
	for _, c := range commands {
		name := fmt.Sprintf("%s_%s.cdx.json", b.name(t), c)
		serial := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/warg-trillian/warg-trillian/"+name))
		_, err := output(b.root, fixed, "go", "run", cyclonedx, "bin", "-json", "-std",
			"-notimestamp", "-serial", serial.String(), "-version", b.version, "-output", filepath.Join(b.out, name), filepath.Join(bin, c))
		if err != nil {
			return err
		}
		if err := withoutToolHashes(filepath.Join(b.out, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// withoutToolHashes takes out of an SBOM the hashes of the program that wrote it: they differ
// between machines.
func withoutToolHashes(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var bom map[string]any
	if err := json.Unmarshal(text, &bom); err != nil {
		return err
	}
	metadata, _ := bom["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	if len(tools) == 0 {
		return errors.New("it does not name the tool that wrote it where it is looked for")
	}
	for _, t := range tools {
		if tool, ok := t.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	text, err = json.MarshalIndent(bom, "", "  ")
	if err != nil {
		return err
	}
	return write(path, string(text)+"\n")
}

// sums writes the checksums of everything, as sha256sum -c reads them.
func (b *build) sums() error {
	entries, err := os.ReadDir(b.out) // sorted
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(b.out, e.Name()), 0o644); err != nil { // whatever the umask
			return err
		}
		f, err := os.Open(filepath.Join(b.out, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), e.Name())
	}
	return write(filepath.Join(b.out, sumsName), lines.String())
}

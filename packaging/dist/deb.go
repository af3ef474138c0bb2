package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nfpm writes the Debian packages.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.48.0"

// maintainer is who stands behind the packages.
const maintainer = "warg-trillian <warg-trillian@users.noreply.github.com>"

// deb writes the Debian package of a target.
func (b *build) deb(t target, bin, notices string) error {
	root := filepath.Join(b.work, "deb-"+t.arch)
	if err := b.layOut(root, bin, notices); err != nil {
		return err
	}
	if err := settle(root, b.time); err != nil {
		return err
	}
	version := debianVersion(b.version)
	env := []string{
		"ARCH=" + t.arch, "DEB_VERSION=" + version, "MAINTAINER=" + maintainer, "GOTOOLCHAIN=" + goVersion,
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.time.Unix()), "GOFLAGS=",
	}
	_, err := output(root, env, "go", "run", nfpm, "package", "--packager", "deb", "--config", "nfpm.yaml",
		"--target", filepath.Join(b.out, fmt.Sprintf("warg-trillian_%s_%s.deb", version, t.arch)))
	return err
}

// layOut puts the files of the package where they belong below a folder.
func (b *build) layOut(root, bin, notices string) error {
	packaging, usr := filepath.Join(b.root, "packaging"), filepath.Join(root, "usr")
	doc := filepath.Join(usr, "share/doc/warg-trillian")
	units := filepath.Join(usr, "lib/systemd")
	zsh, fish := filepath.Join(usr, "share/zsh/vendor-completions"), filepath.Join(usr, "share/fish/vendor_completions.d")
	err := errors.Join(
		copyTo(filepath.Join(usr, "bin"), bin),
		copyTo(filepath.Join(units, "system/warg-personality.service"), filepath.Join(packaging, "systemd/warg-personality.service")),
		copyTo(filepath.Join(units, "system/warg-auditor@.service"), filepath.Join(packaging, "systemd/warg-auditor@.service")),
		copyTo(filepath.Join(units, "user/warg-agent.service"), filepath.Join(packaging, "systemd/warg-agent.service")),
		copyTo(filepath.Join(usr, "lib/sysusers.d/warg-trillian.conf"), filepath.Join(packaging, "systemd/sysusers.conf")),
		copyTo(filepath.Join(usr, "share/bash-completion/completions"), filepath.Join(b.docs, "bash")), copyTo(zsh, filepath.Join(b.docs, "zsh")),
		copyTo(fish, filepath.Join(b.docs, "fish")), copyTo(doc, filepath.Join(b.root, "docs")),
		copyTo(filepath.Join(usr, "share/lintian/overrides/warg-trillian"), filepath.Join(packaging, "deb/lintian-overrides")),
		zip(filepath.Join(doc, "changelog.gz"), b.changelog()), b.copyright(doc, notices),
		b.settings(filepath.Join(root, "etc/warg/warg-personality.yaml")), b.manuals(filepath.Join(usr, "share/man/man1")),
		b.control(root))
	return err
}

// control puts beside them what nfpm makes the package by.
func (b *build) control(root string) error {
	deb := filepath.Join(b.root, "packaging/deb")
	var failed error
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		failed = errors.Join(failed, copyTo(filepath.Join(root, "control", script), filepath.Join(deb, script)))
	}
	text, err := os.ReadFile(filepath.Join(deb, "nfpm.yaml"))
	if err != nil {
		return err
	}
	filled := strings.ReplaceAll(string(text), "${COMMIT_TIME}", b.time.Format(time.RFC3339))
	return errors.Join(failed, write(filepath.Join(root, "nfpm.yaml"), filled))
}

// settings are the example's, all off but for where the package keeps its data.
func (b *build) settings(path string) error {
	text, err := os.ReadFile(filepath.Join(b.root, "config/warg-personality.yaml"))
	if err != nil {
		return err
	}
	const example = "\n#data-dir: ./data\n"
	if !strings.Contains(string(text), example) {
		return fmt.Errorf("config/warg-personality.yaml has no line %q, which the package replaces", strings.TrimSpace(example))
	}
	return write(path, strings.Replace(string(text), example, "\ndata-dir: /var/lib/warg\n", 1))
}

func (b *build) manuals(into string) error {
	pages, err := os.ReadDir(filepath.Join(b.docs, "man"))
	if err != nil {
		return err
	}
	for _, p := range pages {
		text, err := os.ReadFile(filepath.Join(b.docs, "man", p.Name()))
		if err != nil {
			return err
		}
		if err := zip(filepath.Join(into, p.Name()+".gz"), string(text)); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) changelog() string {
	return fmt.Sprintf("warg-trillian (%s) unstable; urgency=medium\n\n  * Built of %s; its history says what changed.\n\n -- %s  %s\n",
		debianVersion(b.version), b.version, maintainer, b.time.Format("Mon, 02 Jan 2006 15:04:05 +0000"))
}

func (b *build) copyright(doc, notices string) error {
	ours := "Copyright " + b.time.Format("2006") + " the authors of warg-trillian, whom its history names.\n\n" +
		"warg-trillian is under the Apache License, Version 2.0, which is in\n/usr/share/common-licenses/Apache-2.0.\n\n" +
		"What is linked into it: THIRD-PARTY-LICENSES.gz and THIRD-PARTY-NOTICES.md in this folder.\n"
	return errors.Join(
		write(filepath.Join(doc, "copyright"), ours), zip(filepath.Join(doc, "THIRD-PARTY-LICENSES.gz"), notices),
		copyTo(filepath.Join(doc, "THIRD-PARTY-NOTICES.md"), filepath.Join(b.root, "THIRD-PARTY-NOTICES.md")))
}

// zip writes a file as gzip does, without name and time.
func zip(path, text string) error {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return write(path, zipped.String())
}

// settle gives everything below a folder its final mode and time: nfpm takes them from there.
func settle(root string, at time.Time) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return errors.Join(os.Chmod(path, mode(info)), os.Chtimes(path, at, at))
	})
}

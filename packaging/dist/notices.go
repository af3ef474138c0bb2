package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// noticeFile matches the names of files with terms that a copy of a module has to bring along.
var noticeFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)

// notices are the licences of all modules that are linked into the commands, and of Go.
func (b *build) notices(t target) (string, error) {
	args := []string{"list", "-deps", "-json=Module"}
	for _, c := range commands {
		args = append(args, "./cmd/"+c)
	}
	listed, err := output(b.root, append(fixed, "GOOS="+t.os, "GOARCH="+t.arch), "go", args...)
	if err != nil {
		return "", err
	}
	dirs := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(listed)); ; {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		if p.Module != nil && !p.Module.Main {
			dirs[p.Module.Path+" "+p.Module.Version] = p.Module.Dir
		}
	}
	goroot, err := output(b.root, fixed, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	dirs["Go's standard library and runtime "+goVersion] = goroot
	text := "Licences of what is linked into warg, warg-auditor and warg-personality.\n"
	names := make([]string, 0, len(dirs))
	for name := range dirs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		terms, err := terms(dirs[name])
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		text += "\n" + strings.Repeat("=", 78) + "\n" + name + "\n" + terms
	}
	return text, nil
}

// terms are the files of a module's folder that hold its licence.
func terms(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var text string
	for _, e := range entries {
		if e.IsDir() || !noticeFile.MatchString(e.Name()) {
			continue
		}
		file, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		text += "\n" + e.Name() + ":\n\n" + strings.TrimSpace(strings.ReplaceAll(string(file), "\r\n", "\n")) + "\n"
	}
	if text == "" {
		return "", fmt.Errorf("no file in %s holds its licence", dir)
	}
	return text, nil
}

package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const exampleFile = "warg-personality.yaml"

// setting matches a commented setting; prose has a space behind the #.
var setting = regexp.MustCompile(`(?m)^#([a-z0-9-]+: .*)$`)

// companions are settings without which another one is refused.
var companions = map[string]string{
	"tls-cert-file":        "tls-key-file: x\n",
	"tls-key-file":         "tls-cert-file: x\n",
	"operator-key-command": "operator-public-key: x\n",
	"operator-public-key":  "operator-key-command: x\n",
	"database-url":         "trillian: x:1\n",
	"database-url-file":    "trillian: x:1\n",
	"trillian-ca-file":     "trillian: x:1\n",
	"trillian-server-name": "trillian: x:1\n",
	"trillian-cert-file":   "trillian: x:1\ntrillian-key-file: x\n",
	"trillian-key-file":    "trillian: x:1\ntrillian-cert-file: x\n",
	"records-tree":         "trillian: x:1\n",
	"checkpoints-tree":     "trillian: x:1\n",
}

// TestExampleFile keeps the example file complete and true: it loads as it is,
// each of its settings loads with the value shown, it names every setting but
// the file itself, and it shows the defaults.
func TestExampleFile(t *testing.T) {
	clearEnvironment(t)
	mustParse(t, "--config", exampleFile)

	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, match := range setting.FindAllStringSubmatch(string(data), -1) {
		name, value, _ := strings.Cut(match[1], ": ")
		mustParse(t, "--config", writeFile(t, match[1]+"\n"+companions[name]))
		if _, twice := shown[name]; twice {
			t.Errorf("%s is shown twice", name)
		}
		shown[name] = value
	}
	for _, flag := range serveFlags(t) {
		value, ok := shown[flag.Name]
		delete(shown, flag.Name)
		switch {
		case flag.Name == "config":
		case !ok:
			t.Errorf("%s is not in the file", flag.Name)
		case flag.HasDefault && value != flag.Default:
			t.Errorf("%s: shows %s, the default is %s", flag.Name, value, flag.Default)
		}
	}
	if len(shown) > 0 {
		t.Errorf("settings that do not exist: %v", shown)
	}

	// All at once, but for the pair that excludes itself.
	all := setting.ReplaceAllString(string(data), "$1")
	var settings map[string]any
	if err := yaml.Unmarshal([]byte(all), &settings); err != nil {
		t.Fatal(err)
	}
	delete(settings, "database-url-file")
	uncommented, err := yaml.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	mustParse(t, "--config", writeFile(t, string(uncommented)))
}

// TestLimitsPage: each limit is on the page that explains them.
func TestLimitsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	limits := 0
	for _, flag := range serveFlags(t) {
		if flag.Group == nil || flag.Group.Key != "limits" {
			continue
		}
		limits++
		if !strings.Contains(string(page), "`--"+flag.Name+"`") {
			t.Errorf("docs/limits.md does not have --%s", flag.Name)
		}
	}
	if limits < 20 {
		t.Errorf("there are %d limits: the group has another name", limits)
	}
}

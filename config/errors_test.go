package config

import (
	"strings"
	"testing"
)

// A wrong setting gives one line that names it, its source and what is allowed.
func TestWrongSettings(t *testing.T) {
	for _, test := range []struct {
		name  string
		file  string
		env   [2]string
		args  []string
		wants []string
	}{
		{name: "unknown flag", args: []string{"--lisen=x"}, wants: []string{"--lisen", "--listen"}},
		{name: "address", args: []string{"--listen=8090"}, wants: []string{"--listen", `"8090"`, "127.0.0.1:8090"}},
		{name: "port", args: []string{"--trillian=h:grpc"}, wants: []string{"--trillian", "h:grpc"}},
		{name: "duration by environment", env: [2]string{"WARG_CHECKPOINT_INTERVAL", "100"},
			wants: []string{"--checkpoint-interval", `"100"`, "100ms", "WARG_CHECKPOINT_INTERVAL"}},
		{name: "zero duration", args: []string{"--upload-timeout=0s"}, wants: []string{"--upload-timeout", "above zero"}},
		{name: "level by file", file: "# one\nlog-level: loud\n", wants: []string{"--log-level", `"loud"`, "debug, info, warn or error", "warg.yaml line 2"}},
		{name: "format", args: []string{"--log-format=xml"}, wants: []string{"--log-format", "text or json"}},
		{name: "policy", env: [2]string{"WARG_CONTENT_POLICY", "all"}, wants: []string{"--content-policy", "wasm or none", "WARG_CONTENT_POLICY"}},
		{name: "licence without policy", args: []string{"--require-license", "--content-policy=none"}, wants: []string{"--require-license", "WARG_REQUIRE_LICENSE", "--content-policy=wasm"}},
		{name: "size", args: []string{"--max-content-size=1GB"}, wants: []string{"--max-content-size", "1GB", "256MiB"}},
		{name: "size too large", args: []string{"--max-content-size=9999999999GiB"}, wants: []string{"--max-content-size"}},
		{name: "URL", file: "base-url: registry.example.com\n", wants: []string{"--base-url", "https://", "warg.yaml line 1"}},
		{name: "namespace", args: []string{"--namespace=a,Foo"}, wants: []string{"--namespace", `"Foo"`, "lower-case"}},
		{name: "namespace in the file's list", file: "namespace:\n- ok\n- not_ok\n", wants: []string{"--namespace", `"not_ok"`, "warg.yaml line 2"}},
		{name: "namespace twice", args: []string{"--namespace=a,a"}, wants: []string{"--namespace", `"a"`, "twice"}},
		{name: "namespace own and imported", args: []string{"--namespace=a", "--imported-namespace=a=b.example"}, wants: []string{`"a"`, "--imported-namespace"}},
		{name: "imported from a URL", args: []string{"--imported-namespace=a=https://b.example"}, wants: []string{"--imported-namespace", "the host alone"}},
		{name: "imported from ..", args: []string{"--imported-namespace=a=.."}, wants: []string{"--imported-namespace", "not the name of a host"}},
		{name: "imported from a control character", args: []string{"--imported-namespace=a=b\x1b[2J"}, wants: []string{"--imported-namespace", `\x1b`}},
		{name: "imported from what is not UTF-8", env: [2]string{"WARG_IMPORTED_NAMESPACE", "a=\xff"}, wants: []string{"WARG_IMPORTED_NAMESPACE"}},
		{name: "imported from 60 KB", args: []string{"--imported-namespace=a=" + strings.Repeat("b", 60<<10)}, wants: []string{"--imported-namespace", "longer than"}},
		{name: "key command without key", args: []string{"--operator-key-command=sign"}, wants: []string{"--operator-public-key"}},
		{name: "imported without registry", env: [2]string{"WARG_IMPORTED_NAMESPACE", "wasi"}, wants: []string{"--imported-namespace", "NAME=REGISTRY", "WARG_IMPORTED_NAMESPACE"}},
		{name: "two database URLs", args: []string{"--database-url=x", "--database-url-file=y"}, wants: []string{"--database-url", "--database-url-file"}},
		{name: "certificate without key", args: []string{"--tls-cert-file=x"}, wants: []string{"--tls-cert-file", "--tls-key-file"}},
		{name: "profiles without metrics", args: []string{"--debug-pprof"}, wants: []string{"--debug-pprof", "--metrics-listen"}},
		{name: "count", args: []string{"--max-uploads=-1"}, wants: []string{"--max-uploads", `"-1"`, "whole number"}},
		{name: "network", env: [2]string{"WARG_TRUSTED_PROXY", "10.0.0.0/8,proxy"}, wants: []string{"--trusted-proxy", `"proxy"`, "10.0.0.0/8", "WARG_TRUSTED_PROXY"}},
		{name: "unknown key", file: "listen: h:1\nlisten_on: h:2\n", wants: []string{"warg.yaml line 2", "listen_on"}},
		{name: "config in the file", file: "config: other.yaml\n", wants: []string{"line 1", `"config"`}},
		{name: "key twice", file: "listen: h:1\nlisten: h:2\n", wants: []string{"line 2", "twice"}},
		{name: "list for one value", file: "listen: [h:1]\n", wants: []string{"--listen", "single value", "line 1"}},
		{name: "mapping for a list", file: "namespace: {a: b}\n", wants: []string{"--namespace", "single value", "line 1"}},
		{name: "not a mapping", file: "- listen\n", wants: []string{"line 1", "name: value"}},
		{name: "not YAML", file: "listen: [\n", wants: []string{"warg.yaml", "not YAML"}},
		{name: "two documents", file: "listen: h:1\n---\nlisten: h:2\n", wants: []string{"warg.yaml", "more than one"}},
		{name: "no such file", args: []string{"--config=/nowhere/warg.yaml"}, wants: []string{"--config", "/nowhere/warg.yaml", "no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clearEnvironment(t)
			args := test.args
			if test.file != "" {
				args = append(args, "--config", writeFile(t, test.file))
			}
			if test.env[0] != "" {
				t.Setenv(test.env[0], test.env[1])
			}
			_, err := parse(t, args...)
			if err == nil {
				t.Fatal("accepted")
			}
			t.Log(err)
			if strings.Contains(err.Error(), "\n") {
				t.Error("more than one line")
			}
			for _, want := range test.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %s", want)
				}
			}
		})
	}
}

func TestValues(t *testing.T) {
	clearEnvironment(t)
	s := mustParse(t, "--max-content-size=2 GiB", "--base-url=https://r.example/warg/", "--log-level=warn", "--listen=[::1]:0", "--metrics-listen=:9090")
	if s.MaxContentSize != 2<<30 || s.BaseURL != "https://r.example/warg" || s.LogLevel.Level().String() != "WARN" || s.Listen != "[::1]:0" || s.MetricsListen != ":9090" {
		t.Errorf("values are %+v", s)
	}
	if s := mustParse(t, "--max-content-size=1000", "--data-dir=/d"); s.MaxContentSize != 1000 || s.ContentDir != "/d/content" || s.DefaultOperatorKeyFile() != "/d/operator.key" {
		t.Errorf("values are %+v", s)
	}
	for _, text := range []string{"", "# only comments\n", "listen:\n", "null\n", "---\n"} {
		if s := mustParse(t, "--config", writeFile(t, text)); s.Listen != "127.0.0.1:8090" {
			t.Errorf("with the file %q: listen = %q", text, s.Listen)
		}
	}
}

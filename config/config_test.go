package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// clearEnvironment takes the settings of whoever runs the tests away.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "WARG_") {
			t.Setenv(name, value) // restores it
			os.Unsetenv(name)
		}
	}
}

type testCommands struct {
	Serve struct{ Serve } `cmd:""`
}

// parse parses `serve args...` as the command does.
func parse(t *testing.T, args ...string) (*Serve, error) {
	t.Helper()
	var commands testCommands
	parser, err := kong.New(&commands, append(Options(), kong.Writers(io.Discard, io.Discard))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return &commands.Serve.Serve, err
}

func mustParse(t *testing.T, args ...string) *Serve {
	t.Helper()
	s, err := parse(t, args...)
	if err != nil {
		t.Fatalf("serve %v: %v", args, err)
	}
	return s
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "warg.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	clearEnvironment(t)
	want := Serve{
		Keys:      Keys{WitnessInterval: Duration(10 * time.Second)},
		Addresses: Addresses{Listen: "127.0.0.1:8090", Web: true},
		Storage:   Storage{DataDir: "./data", CacheSize: 48 << 20, Discovery: true},
		Content: Content{
			ContentDir: filepath.Join("data", "content"), ContentPolicy: ContentPolicyWasm,
			MaxContentSize: 256 << 20, MinFreeSpace: 256 << 20,
			ContentTimeout: Duration(30 * time.Second), ContentUpload: "proxy", ContentRetention: Duration(time.Hour),
			ContentSources: "refuse", FetchTimeout: Duration(10 * time.Minute),
		},
		Records: Records{
			UploadTimeout: Duration(time.Hour), CheckpointInterval: Duration(100 * time.Millisecond),
			MaxQueue: 50_000, MaxClockSkew: Duration(10 * time.Minute),
			MaxWaiting: 50_000, MaxWaitingBytes: 256 << 20, MaxWaitingPerLog: 256, MaxWaitingPerKey: 1000,
		},
		Limits: Limits{
			MaxConnections: 2048, MaxConnectionsPerAddress: 256, FailureRate: 100,
			MaxPublishing: 256, MaxReading: 32, MaxUploads: 64, MaxBuffered: 64 << 20,
			MaxBodySize: 2 << 20, MaxNames: 10_000, RequestTimeout: Duration(30 * time.Second), MinTransferRate: 4 << 10,
		},
		Messages: Messages{LogLevel: "info", LogFormat: LogFormatText},
	}
	if got := mustParse(t); !reflect.DeepEqual(*got, want) {
		t.Errorf("defaults are\n%+v, want\n%+v", *got, want)
	}
}

func TestPrecedence(t *testing.T) {
	for _, test := range []struct {
		name, file, env, flag, want string
	}{
		{"default", "", "-", "", "127.0.0.1:8090"},
		{"file", "f:1", "-", "", "f:1"},
		{"environment over file", "f:1", "e:2", "", "e:2"},
		{"environment alone", "", "e:2", "", "e:2"},
		{"flag over all", "f:1", "e:2", "c:3", "c:3"},
		{"flag over file", "f:1", "-", "c:3", "c:3"},
		{"empty environment is unset", "", "", "", "127.0.0.1:8090"},
		{"empty environment yields to file", "f:1", "", "", "f:1"},
		{"empty environment yields to flag", "", "", "c:3", "c:3"},
	} {
		for _, configBy := range []string{"flag", "environment"} {
			t.Run(test.name+", file by "+configBy, func(t *testing.T) {
				clearEnvironment(t)
				var args []string
				if test.file != "" {
					path := writeFile(t, "listen: "+test.file+"\n")
					if configBy == "flag" {
						args = append(args, "--config", path)
					} else {
						t.Setenv("WARG_CONFIG", path)
					}
				}
				if test.env != "-" {
					t.Setenv("WARG_LISTEN", test.env)
				}
				if test.flag != "" {
					args = append(args, "--listen", test.flag)
				}
				if got := mustParse(t, args...); string(got.Listen) != test.want {
					t.Errorf("listen = %q, want %q", got.Listen, test.want)
				}
			})
		}
	}
}

// An empty variable of every kind of setting counts as not set.
func TestEmptyEnvironment(t *testing.T) {
	clearEnvironment(t)
	want := *mustParse(t)
	for _, flag := range serveFlags(t) {
		for _, env := range flag.Envs {
			t.Setenv(env, "")
		}
	}
	t.Setenv(OperatorKeyVariable, "")
	if got := mustParse(t); fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("with empty variables:\n%+v, want\n%+v", *got, want)
	}
}

// A list comes from one source as a whole.
func TestLists(t *testing.T) {
	clearEnvironment(t)
	const file = "namespace: [from-file, second]\nimported-namespace:\n- wasi=wasi.example\n"
	expect := func(want string, args ...string) {
		t.Helper()
		s := mustParse(t, args...)
		if got := fmt.Sprint(s.Namespace, s.ImportedNamespace); got != want {
			t.Errorf("lists are %s, want %s", got, want)
		}
	}
	path := writeFile(t, file)
	expect("[from-file second] [{wasi wasi.example}]", "--config", path)
	expect("[one two] [{wasi wasi.example}]", "--config", writeFile(t, "namespace: one,two\nimported-namespace: wasi=wasi.example\n"))
	expect("[a b c] []", "--namespace", "a,b", "--namespace=c")
	t.Setenv("WARG_NAMESPACE", "env-one,env-two")
	t.Setenv("WARG_IMPORTED_NAMESPACE", "x=x.example:8090,y=y.example")
	expect("[env-one env-two] [{x x.example:8090} {y y.example}]", "--config", path)
	expect("[flag] [{x x.example:8090} {y y.example}]", "--config", path, "--namespace", "flag")
}

// Blanks around the items of a list do not matter, wherever it comes from.
func TestBlanksInLists(t *testing.T) {
	clearEnvironment(t)
	items := map[string][2]string{
		"namespace":          {"one", "two"},
		"imported-namespace": {"x=x.example", "y=y.example"},
		"operator-key-file":  {"a.key", "/b.key"},
		"trusted-proxy":      {"10.0.0.0/8", "192.0.2.7"},
	}
	for _, flag := range serveFlags(t) {
		if !flag.IsSlice() {
			continue
		}
		two, ok := items[flag.Name]
		if !ok {
			t.Fatalf("--%s is a list that this test does not know", flag.Name)
		}
		want := fmt.Sprintf("%+v", *mustParse(t, "--"+flag.Name, two[0]+","+two[1]))
		blanks := " " + two[0] + " ,\t" + two[1] + " "
		if got := fmt.Sprintf("%+v", *mustParse(t, "--"+flag.Name, blanks)); got != want {
			t.Errorf("--%s %q: %s", flag.Name, blanks, got)
		}
		for _, env := range flag.Envs {
			t.Setenv(env, blanks)
			if got := fmt.Sprintf("%+v", *mustParse(t)); got != want {
				t.Errorf("%s=%q: %s", env, blanks, got)
			}
			t.Setenv(env, "")
		}
	}
}

func TestOperatorKeyOnlyFromEnvironment(t *testing.T) {
	clearEnvironment(t)
	t.Setenv(OperatorKeyVariable, "ecdsa-p256:c2VjcmV0")
	s := mustParse(t)
	if string(s.OperatorKey) != "ecdsa-p256:c2VjcmV0" {
		t.Errorf("operator key is %q", string(s.OperatorKey))
	}
	s.DatabaseURL = "user:c2VjcmV0@tcp(db)/warg"
	if text := fmt.Sprintf("%v %+v %#v", *s, *s, *s); strings.Contains(text, "c2VjcmV0") {
		t.Errorf("a secret is printed: %s", text)
	}
	if _, err := parse(t, "--operator-key", "x"); err == nil {
		t.Error("there is a flag for the key itself")
	}
	if _, err := parse(t, "--config", writeFile(t, "operator-key: x\n")); err == nil {
		t.Error("there is a key in the file for the key itself")
	}
}

func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := kong.New(&testCommands{}, Options()...)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Children[0].Flags
}

// Every setting has the environment variable that its name says.
func TestEnvironmentNames(t *testing.T) {
	for _, flag := range serveFlags(t) {
		want := "WARG_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("--%s has the variables %v, want %s", flag.Name, flag.Envs, want)
		}
	}
}

func TestHelp(t *testing.T) {
	clearEnvironment(t)
	var out bytes.Buffer
	parser, err := kong.New(&testCommands{}, append(Options(), kong.Writers(&out, io.Discard), kong.Exit(func(int) { panic("exit") }))...)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = parser.Parse([]string{"serve", "--help"})
	}()
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, flag := range serveFlags(t) {
		for _, want := range append([]string{"--" + flag.Name}, flag.Envs...) {
			if !strings.Contains(help, want) {
				t.Errorf("help does not name %s", want)
			}
		}
		if flag.HasDefault && !strings.Contains(help, "(default: "+flag.Default+")") {
			t.Errorf("help does not show the default of --%s", flag.Name)
		}
	}
	t.Log(out.String())
}

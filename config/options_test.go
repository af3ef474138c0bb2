package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

// commandsOwn are the settings that the command itself uses, and that are no
// options of the registry.
var commandsOwn = map[string]bool{
	"config": true, "listen": true, "metrics-listen": true, "debug-pprof": true,
	"tls-cert-file": true, "tls-key-file": true, "operator-key-file": true,
	"operator-key-command": true, "operator-public-key": true, "operator-key-pkcs11": true,
	"log-level": true, "log-format": true, "database-url-file": true,
}

// TestEverySettingIsHandedOver sets one setting at a time: the options of the
// registry must be others than without it.
func TestEverySettingIsHandedOver(t *testing.T) {
	clearEnvironment(t)
	base := []string{"--trillian=t:1", "--trillian-cert-file=x", "--trillian-key-file=x"}
	before := optionsText(t, base...)
	for _, flag := range serveFlags(t) {
		if commandsOwn[flag.Name] {
			continue
		}
		if after := optionsText(t, append(base, "--"+flag.Name+"="+otherValue(flag))...); after == before {
			t.Errorf("--%s changes nothing of\n%s", flag.Name, after)
		}
	}
}

func TestBackends(t *testing.T) {
	clearEnvironment(t)
	const url = "warg:secret@tcp(db)/warg"
	remote := personality.RemoteTrillian{Server: trilliansvc.Options{Target: "t:1"}}
	for _, test := range []struct {
		args     []string
		database store.Database
		trillian personality.Trillian
	}{
		{nil, store.SQLite{File: "d/registry.db"}, personality.EmbeddedTrillian{Dir: "d"}},
		{[]string{"--trillian=t:1"}, store.SQLite{File: "d/registry.db"}, remote},
		{[]string{"--trillian=t:1", "--database-url=" + url}, store.MySQL{DSN: url}, remote},
		{[]string{"--trillian=t:1", "--database-url-file=" + writeFile(t, "\n"+url+"\r\n")}, store.MySQL{DSN: url}, remote},
	} {
		o, err := mustParse(t, append(test.args, "--data-dir=d")...).Options()
		if err != nil || !reflect.DeepEqual(o.Database, test.database) || !reflect.DeepEqual(o.Trillian, test.trillian) {
			t.Errorf("%v: %#v and %#v (%v)", test.args, o.Database, o.Trillian, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", o.Database, o.Database, o.Database); strings.Contains(text, "secret") {
			t.Errorf("a secret is printed: %s", text)
		}
	}
	for _, text := range []string{"", " \n", "warg:pass/word", "sqlite:registry.db"} {
		if _, err := mustParse(t, "--trillian=t:1", "--database-url-file="+writeFile(t, text)).Options(); err == nil {
			t.Errorf("a file with %q was taken for a database URL", text)
		}
	}
}

// otherValue is a value that is not the default.
func otherValue(flag *kong.Flag) string {
	switch value := flag.Target.Interface().(type) {
	case Count:
		n, _ := strconv.Atoi(flag.Default)
		return strconv.Itoa(n + 1)
	case Duration:
		return "1h1m1s"
	case ByteSize:
		return "12345"
	case HostPort:
		return "other.example:1"
	case URL:
		return "https://other.example"
	case ContentPolicy:
		return "none"
	case []ImportedNamespace:
		return "other=other.example"
	case []Network:
		return "192.0.2.0/24"
	case int64:
		return "7"
	case bool:
		return strconv.FormatBool(flag.Default == "false")
	case Secret:
		return "warg:other@tcp(db)/warg"
	case string, Origin, []Namespace:
		return "other"
	default:
		panic(fmt.Sprintf("no other value for a %T", value))
	}
}

// optionsText is what the registry would be given, with what pointers point to.
func optionsText(t *testing.T, args ...string) string {
	t.Helper()
	o, err := mustParse(t, args...).Options()
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(o)) {
		text += field.Name + ":" + deepText(reflect.ValueOf(o).FieldByIndex(field.Index)) + "\n"
	}
	return text
}

func deepText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return v.Elem().Type().String() + deepText(v.Elem())
	case reflect.Struct:
		text := "{"
		for i := range v.NumField() {
			text += v.Type().Field(i).Name + ":" + deepText(v.Field(i)) + " "
		}
		return text + "}"
	default:
		return fmt.Sprint(v)
	}
}

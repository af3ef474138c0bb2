package plain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"länger, 世界 'quoted' \\":   "länger, 世界 'quoted' \\",
		"\x1b[31mkey\nFOUND x\r\t": `\x1b[31mkey\nFOUND x\r\t`,
		"a\u009b31mb\x7f":          `a\u009b31mb\x7f`,
		"a\u202eb\u2028c\u200bd":   `a\u202eb\u2028c\u200bd`,
		"a\x9bb\xff\ufffd":         `a\x9bb\xff` + "\ufffd",
		"\U000e0041":               `\U000e0041`,
	} {
		if got := plain.Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		encoded, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		line := plain.JSON(append(encoded, '\n'))
		for _, r := range strings.TrimSuffix(string(line), "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%q in JSON is %q", text, line)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(line, &back); err != nil || back["text"] != strings.ToValidUTF8(text, "\ufffd") {
			t.Errorf("%q comes back from JSON as %q, %v", text, back["text"], err)
		}
	}
	if got := plain.Error(errors.Join(errors.New("a"), errors.New("b\x1b"))); got != `a; b\x1b` {
		t.Error(got)
	}
}

package witness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

func parse(t testing.TB, lines ...string) *witness.Policy {
	t.Helper()
	p, err := witness.ParsePolicy([]byte(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// witnessLine is the line of a witness whose key is named after it.
func witnessLine(name string, url ...string) string {
	return strings.Join(slices.Concat([]string{"witness", name, witnesstest.NewKey(name + ".example").VKey}, url), " ")
}

func TestParsePolicy(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/tlog/records", true)
	mldsa := witnesstest.NewMLDSAKey(t, "m.example")
	p := parse(t,
		"# a comment", "", "  \t# another \xff",
		"log "+log.VKeys()[0]+" https://log.example/tlog/records",
		"\tlog\t "+log.VKeys()[1],
		witnessLine("all"), // keywords are names like others
		"witness \xe9 "+witnesstest.NewKey("e.example").VKey+" https://w.example/",
		"witness m "+mldsa.VKey+" https://w.example/",
		"group any 2 all \xe9 m",
		"quorum any",
		witnessLine("unasked"),
	)
	if got := p.Logs(); len(got) != 2 || got[0].Origin != log.Origin || got[0].URL != "https://log.example/tlog/records" || got[1].VKey != log.VKeys()[1] {
		t.Errorf("logs %+v", got)
	}
	got := p.Witnesses()
	var names []string
	for _, w := range got {
		names = append(names, w.Name)
	}
	if !slices.Equal(names, []string{"all", "\xe9", "m", "unasked"}) || p.Quorum() != "any" {
		t.Errorf("witnesses %q, quorum %q", names, p.Quorum())
	}
	if got[0].URL != "" || got[1].URL != "https://w.example/" || got[2].URL != got[1].URL || got[2].VKey != mldsa.VKey {
		t.Errorf("two witnesses at one URL and one without are read as %+v", got)
	}
}

func TestPolicyRefused(t *testing.T) {
	a, b := witnessLine("a"), witnessLine("b")
	key := witnesstest.NewKey("a.example")
	log := witnesstest.NewLog(t, "log.example", true).VKeys()
	altered := []byte(key.VKey)
	altered[len("a.example+")] ^= 1
	long := strings.Repeat("n", 256)
	many := func(n int, line func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, line(i))
		}
		return strings.Join(all, "\n")
	}
	for what, test := range map[string]struct{ policy, want string }{
		"unknown line":              {a + "\nwitnesses b\nquorum a", `line 2 of the policy: it begins with "witnesses"`},
		"upper case":                {a + "\nQuorum a", "line 2"},
		"k of 0":                    {a + "\ngroup g 0 a\nquorum g", `line 2 of the policy: group "g": it asks for 0 of its 1 members`},
		"k below 0":                 {a + "\ngroup g -1 a\nquorum g", "it asks for -1 of its 1"},
		"k above n":                 {a + "\ngroup g 2 a\nquorum g", "it asks for 2 of its 1"},
		"k too large for a number":  {a + "\ngroup g 18446744073709551617 a\nquorum g", "neither all, any, nor a number"},
		"k with a zero before it":   {a + "\ngroup g 01 a\nquorum g", "neither all, any, nor a number"},
		"k with a sign":             {a + "\ngroup g +1 a\nquorum g", "neither all, any, nor a number"},
		"k in words":                {a + "\ngroup g one a\nquorum g", "neither all, any, nor a number"},
		"empty group":               {a + "\ngroup g all\nquorum g", "with one member at least"},
		"group without threshold":   {a + "\ngroup g\nquorum g", "with one member at least"},
		"second quorum":             {a + "\nquorum a\nquorum a", "line 3 of the policy: there is a quorum line above"},
		"second quorum of none":     {a + "\nquorum a\nquorum none", "there is a quorum line above"},
		"quorum after none":         {a + "\nquorum none\nquorum a", "there is a quorum line above"},
		"no quorum":                 {a, "no quorum line"},
		"empty":                     {"", "no quorum line"},
		"empty quorum":              {a + "\nquorum", "a quorum is written"},
		"quorum of two":             {a + "\n" + b + "\nquorum a b", "a quorum is written"},
		"comment after a line":      {a + "\nquorum a # b", "a quorum is written"},
		"undefined quorum":          {a + "\nquorum b", `no line above defines "b"`},
		"forward quorum":            {a + "\nquorum b\n" + b, `line 2 of the policy: no line above defines "b"`},
		"undefined member":          {a + "\ngroup g any a c\nquorum g", `no line above defines its member "c"`},
		"forward member":            {a + "\ngroup g any a b\n" + b + "\nquorum g", `no line above defines its member "b"`},
		"itself as member":          {a + "\ngroup g any a g\nquorum g", `no line above defines its member "g"`},
		"none as member":            {a + "\ngroup g any a none\nquorum g", `no line above defines its member "none"`},
		"repeated member":           {a + "\ngroup g 2 a a\nquorum g", `"a" is a member of the group "g" already`},
		"member of two":             {a + "\n" + b + "\ngroup g any a\ngroup h all a b\nquorum h", `"a" is a member of the group "g" already`},
		"group in two":              {a + "\ngroup g any a\ngroup h any g\ngroup i any g\nquorum i", `"g" is a member of the group "h" already`},
		"duplicate name":            {a + "\nwitness a " + witnesstest.NewKey("c").VKey + "\nquorum a", `line 2 of the policy: a line above defines "a" already`},
		"group with its name":       {a + "\ngroup a any a\nquorum a", `a line above defines "a" already`},
		"witness none":              {"witness none " + key.VKey + "\nquorum none", "has a meaning of its own"},
		"group none":                {a + "\ngroup none any a\nquorum none", "has a meaning of its own"},
		"duplicate witness key":     {a + "\nwitness b " + key.VKey + "\nquorum a", `the key of the witness "b" is that of the witness "a"`},
		"that key, other name":      {a + "\nwitness b " + witnesstest.VKey("b.example", 4, key.Public()) + "\nquorum a", `is that of the witness "a"`},
		"duplicate log key":         {"log " + log[0] + "\nlog " + log[0] + "\nquorum none", "line 2"},
		"that log key, other name":  {"log " + witnesstest.VKey("l", 1, key.Public()) + "\nlog " + witnesstest.VKey("m", 1, key.Public()) + "\nquorum none", `the key of the log "m" is that of the log "l"`},
		"log as its own witness":    {"log " + log[1] + "\nwitness a " + log[1] + "\nquorum a", `the key of the witness "a" is that of the log "log.example"`},
		"log's key as a witness's":  {"log " + witnesstest.VKey("l", 1, key.Public()) + "\n" + a + "\nquorum a", `is that of the log "l"`},
		"witness with a log's type": {"witness a " + log[0] + "\nquorum a", "is of type 0x01"},
		"log with a witness's type": {"log " + key.VKey + "\nquorum none", "is of type 0x04"},
		"key of no type":            {"witness a " + witnesstest.VKey("a", 2, key.Public()) + "\nquorum a", "unknown type 0x02"},
		"key that is short":         {"witness a " + witnesstest.VKey("a", 4, key.Public()[1:]) + "\nquorum a", "has 31 bytes"},
		"ML-DSA key that is short":  {"witness a " + witnesstest.VKey("a", 6, key.Public()) + "\nquorum a", "has 32 bytes"},
		"key without bytes":         {"witness a a+00000000+\nquorum a", "not standard base64"},
		"key in bad base64":         {"witness a " + strings.TrimSuffix(key.VKey, key.VKey[len(key.VKey)-1:]) + "\nquorum a", "not standard base64"},
		"key with another id":       {"witness a " + string(altered) + "\nquorum a", "was altered or cut"},
		"key with a short id":       {"witness a " + strings.Replace(key.VKey, "+", "+0", 1) + "\nquorum a", "was altered or cut"},
		"key of another name":       {"witness a b" + key.VKey[1:] + "\nquorum a", "was altered or cut"},
		"key without a name":        {"witness a " + witnesstest.VKey("", 4, key.Public()) + "\nquorum a", "has no name"},
		"key with a long name":      {"witness a " + witnesstest.VKey(long, 4, key.Public()) + "\nquorum a", "has 256 bytes"},
		"key that is not UTF-8":     {"witness a " + witnesstest.VKey("\xff", 4, key.Public()) + "\nquorum a", "not UTF-8"},
		"key in one piece":          {"witness a key\nquorum a", "not of the form"},
		"witness without key":       {"witness a\nquorum a", "a witness is written"},
		"witness with two URLs":     {witnessLine("a", "u", "v") + "\nquorum a", "a witness is written"},
		"log without key":           {"log\nquorum none", "a log is written"},
		"log with two URLs":         {"log " + log[0] + " u v\nquorum none", "a log is written"},
		"carriage return":           {a + "\r\nquorum a", "line 1 of the policy: it has the control character 0x0d"},
		"delete":                    {"#\x7f\nquorum none", "control character 0x7f"},
		"no-break space":            {"quorum\u00a0none", "it begins with"},
		"65 witnesses":              {many(65, func(i int) string { return witnessLine(fmt.Sprint("w", i)) }), "line 65 of the policy: there are more than 64 witnesses"},
		"65 groups": {a + "\n" + many(65, func(i int) string {
			return fmt.Sprintf("group %d any %s", i+1, strings.Replace(fmt.Sprint(i), "0", "a", max(0, 1-i)))
		}), "more than 64 groups"},
		"65 logs": {many(65, func(i int) string {
			return "log " + witnesstest.VKey("l", 1, witnesstest.NewKey(fmt.Sprint(i)).Public())
		}), "more than 64 logs"},
		"a megabyte of comments": {strings.Repeat("#\n", 1<<19), "1048576 are allowed"},
	} {
		p, err := witness.ParsePolicy([]byte(test.policy + "\n"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", what, err, test.want)
		}
		if p != nil {
			t.Errorf("%s: there is a policy beside the error", what)
		}
	}
	for what, policy := range map[string]string{
		"64 witnesses": many(64, func(i int) string { return witnessLine(fmt.Sprint("w", i)) }) + "\nquorum none\n",
		"a megabyte":   strings.Repeat("#\n", 1<<19-6) + "quorum none\n",
		"two of two":   a + "\n" + b + "\ngroup g 2 a b\nquorum g\n",
	} {
		if _, err := witness.ParsePolicy([]byte(policy)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := witness.ParsePolicy([]byte(a + "\nquorum a")); err == nil || !strings.Contains(err.Error(), "line 2 of the policy: it does not end with a newline") {
		t.Errorf("a last line without its end: %v", err)
	}
}

func TestCheckURLs(t *testing.T) {
	for url, good := range map[string]bool{
		"":                        false,
		"https://w.example":       true,
		"http://127.0.0.1:1/a/":   true,
		"ftp://w.example":         false,
		"w.example/a":             false,
		"/a":                      false,
		"https:///a":              false,
		"https://u:p@w.example/a": false,
		"https://w.example/?a":    false,
		"https://w.example/?":     false,
		"https://w.example/#a":    false,
		"https://w.example/%zz":   false,
		"https://[w.example":      false,
	} {
		err := parse(t, witnessLine("good", "https://good.example"), witnessLine("it", url), "quorum none").CheckURLs()
		if good != (err == nil) || err != nil && (!strings.Contains(err.Error(), `witness "it"`) || strings.Contains(err.Error(), `"good"`)) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Which sets of witnesses are a quorum.
func TestSatisfied(t *testing.T) {
	const all = "abcdef"
	var lines []string
	for _, name := range all {
		lines = append(lines, witnessLine(string(name)))
	}
	signed := witnesstest.NewLog(t, "log.example", false).Note(t, 5, "root")
	for policy, is := range map[string]func(have string) bool{
		"quorum none":                     func(string) bool { return true },
		"quorum a":                        func(have string) bool { return strings.Contains(have, "a") },
		"group g any a b c\nquorum g":     func(have string) bool { return strings.ContainsAny(have, "abc") },
		"group g all a b c\nquorum g":     func(have string) bool { return count(have, "abc") == 3 },
		"group g 2 a b c\nquorum g":       func(have string) bool { return count(have, "abc") >= 2 },
		"group g 2 a b c\nquorum d":       func(have string) bool { return strings.Contains(have, "d") },
		"group g 6 a b c d e f\nquorum g": func(have string) bool { return have == all },
		"group x 2 a b c\ngroup y any d e\ngroup z all x y\nquorum z": func(have string) bool {
			return count(have, "abc") >= 2 && count(have, "de") >= 1
		},
		"group x 2 a b c\ngroup z 2 x d e\nquorum z": func(have string) bool {
			n := count(have, "de")
			if count(have, "abc") >= 2 {
				n++
			}
			return n >= 2
		},
	} {
		p := parse(t, slices.Concat(lines, strings.Split(policy, "\n"))...)
		for set := range 1 << len(all) {
			have, note := "", string(signed)
			for i, name := range all {
				if set&(1<<i) != 0 {
					have += string(name)
					note += witnesstest.NewKey(string(name)+".example").Cosign(t, signed, uint64(1000+i))
				}
			}
			c, err := p.Cosignatures([]byte(note))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Satisfied(c.Cosignatures); got != is(have) {
				t.Errorf("%q with %q: %v", policy, have, got)
			}
			if _, err := p.Check([]byte(note)); (err == nil) != is(have) {
				t.Errorf("%q with %q: %v", policy, have, err)
			}
		}
	}
}

func count(have, of string) (n int) {
	for _, name := range of {
		n += strings.Count(have, string(name))
	}
	return n
}

// A minority with old or new times does not change how fresh a checkpoint is.
func TestQuorumTime(t *testing.T) {
	p := parse(t, witnessLine("a"), witnessLine("b"), witnessLine("c"), "group g 2 a b c", "quorum g")
	signed := witnesstest.NewLog(t, "log.example", false).Note(t, 5, "root")
	at := func(policy *witness.Policy, times map[string]uint64) (int64, bool) {
		note := string(signed)
		for name, seconds := range times {
			note += witnesstest.NewKey(name+".example").Cosign(t, signed, seconds)
		}
		c, err := policy.Cosignatures([]byte(note))
		if err != nil {
			t.Fatal(err)
		}
		when, ok := policy.QuorumTime(c.Cosignatures)
		return when.Unix(), ok
	}
	if got, ok := at(p, map[string]uint64{"a": 10, "b": 5000, "c": 20}); got != 20 || !ok {
		t.Errorf("%d, %v", got, ok)
	}
	if got, ok := at(p, map[string]uint64{"a": 10, "b": 30}); got != 10 || !ok {
		t.Errorf("%d, %v", got, ok)
	}
	if _, ok := at(p, map[string]uint64{"a": 10}); ok {
		t.Error("one of three has a time as a quorum")
	}
	if _, ok := at(parse(t, witnessLine("a"), "quorum none"), map[string]uint64{"a": 10}); ok {
		t.Error("no quorum has a time")
	}
}

func TestCheckLog(t *testing.T) {
	log, stranger := witnesstest.NewLog(t, "log.example", true), witnesstest.NewLog(t, "log.example", false)
	other := witnesstest.NewLog(t, "other.example", false)
	signed := log.Note(t, 5, "root")
	for n, vkey := range log.VKeys() {
		p := parse(t, "log "+other.VKeys()[0], "log "+stranger.VKeys()[0], "log "+vkey, "quorum none")
		head, err := p.CheckLog(signed)
		if err != nil || head.Size != 5 || head.Origin != log.Origin {
			t.Errorf("by key %d of the log: %+v, %v", n, head, err)
		}
		if _, err := p.CheckLog([]byte(strings.Replace(string(signed), "\n5\n", "\n6\n", 1))); err == nil {
			t.Errorf("another size than the one signed by key %d is accepted", n)
		}
	}
	for policy, want := range map[string]string{
		"quorum none": "lists no log",
		"log " + other.VKeys()[0] + "\nquorum none":    "does not list",
		"log " + stranger.VKeys()[0] + "\nquorum none": "signed by no key",
	} {
		if _, err := parse(t, policy).CheckLog(signed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", policy, err, want)
		}
	}
}

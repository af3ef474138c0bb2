package witness_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

const origin = "log.example/tlog/records"

// three is a policy of the witnesses a, b and m (ML-DSA), of which two are a quorum.
func three(t testing.TB) (p *witness.Policy, a, b, m *witnesstest.Key) {
	t.Helper()
	a, b, m = witnesstest.NewKey("a.example"), witnesstest.NewKey("b.example"), witnesstest.NewMLDSAKey(t, "m.example")
	return parse(t, "witness a "+a.VKey, "witness b "+b.VKey, "witness m "+m.VKey, "group g 2 a b m", "quorum g"), a, b, m
}

// said is who has cosigned, and when.
func said(c witness.Cosigned) string {
	var all []string
	for _, by := range c.Cosignatures {
		all = append(all, fmt.Sprintf("%s %d", by.Witness, by.Time.Unix()))
	}
	for _, r := range c.Refused {
		all = append(all, "not "+r.Witness)
	}
	return strings.Join(all, ", ")
}

func TestCosignatures(t *testing.T) {
	p, a, b, m := three(t)
	log := witnesstest.NewLog(t, origin, true)
	signed := log.Note(t, 7, "root")
	forked, elsewhere := log.Note(t, 7, "another root"), witnesstest.NewLog(t, "elsewhere.example", false).Note(t, 7, "root")
	stranger := witnesstest.NewKey("stranger.example")
	broken := func(line string) string {
		head, b64 := line[:strings.LastIndex(line, " ")+1], strings.TrimSuffix(line[strings.LastIndex(line, " ")+1:], "\n")
		raw, _ := base64.StdEncoding.DecodeString(b64)
		raw[len(raw)-1] ^= 1
		return head + base64.StdEncoding.EncodeToString(raw) + "\n"
	}
	short := func(line string) string {
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(line[strings.LastIndex(line, " ")+1:], "\n"))
		return line[:strings.LastIndex(line, " ")+1] + base64.StdEncoding.EncodeToString(raw[:7]) + "\n"
	}
	for _, test := range []struct{ what, lines, want string }{
		{"nobody", "", ""},
		{"all, in the order of the policy", m.Cosign(t, signed, 30) + b.Cosign(t, signed, 20) + a.Cosign(t, signed, 10), "a 10, b 20, m 30"},
		{"a stranger beside", stranger.Cosign(t, signed, 5) + a.Cosign(t, signed, 10), "a 10"},
		{"twice the same", a.Cosign(t, signed, 10) + a.Cosign(t, signed, 10), "a 10"},
		{"twice, the later counts", a.Cosign(t, signed, 10) + a.Cosign(t, signed, 30) + a.Cosign(t, signed, 20), "a 30"},
		{"altered", broken(a.Cosign(t, signed, 10)) + b.Cosign(t, signed, 20), "b 20, not a"},
		{"altered, ML-DSA", broken(m.Cosign(t, signed, 10)), "not m"},
		{"cut", short(a.Cosign(t, signed, 10)) + short(m.Cosign(t, signed, 10)), "not a, not m"},
		{"altered and right", broken(a.Cosign(t, signed, 10)) + a.Cosign(t, signed, 10), "a 10, not a"},
		{"of a fork", a.Cosign(t, forked, 10) + m.Cosign(t, forked, 10), "not a, not m"},
		{"of another log", a.Cosign(t, elsewhere, 10) + m.Cosign(t, elsewhere, 10), "not a, not m"},
		{"without a time", a.Cosign(t, signed, 0) + m.Cosign(t, signed, 0), "not a, not m"},
		{"at the end of time", a.Cosign(t, signed, math.MaxInt64) + m.Cosign(t, signed, math.MaxUint64) + b.Cosign(t, signed, 253402300800), "not a, not b, not m"},
		{"in the last second", b.Cosign(t, signed, 253402300799), "b 253402300799"},
		{"under another's name", strings.Replace(a.Cosign(t, signed, 10), "a.example", "b.example", 1), ""},
	} {
		c, err := p.Cosignatures(slices.Concat(signed, []byte(test.lines)))
		if err != nil || said(c) != test.want || c.Head.Size != 7 || c.Head.Origin != origin {
			t.Errorf("%s: %q, %v; want %q", test.what, said(c), err, test.want)
		}
		if test.lines == "" {
			continue // an answer has lines
		}
		c, err = p.Answer(signed, []byte(test.lines))
		if err != nil || said(c) != test.want {
			t.Errorf("%s, as an answer: %q, %v; want %q", test.what, said(c), err, test.want)
		}
	}
}

func TestTimes(t *testing.T) {
	p, a, b, m := three(t)
	signed := witnesstest.NewLog(t, origin, false).Note(t, 7, "root")
	c, err := p.Answer(signed, []byte(a.Cosign(t, signed, 20)+b.Cosign(t, signed, 10)+m.Cosign(t, signed, 30)))
	if err != nil {
		t.Fatal(err)
	}
	if oldest, newest, ok := c.Times(); !ok || oldest.Unix() != 10 || newest.Unix() != 30 {
		t.Error(oldest, newest, ok)
	}
	if _, _, ok := (witness.Cosigned{}).Times(); ok {
		t.Error("nobody has a time")
	}
}

// What is not a note of a checkpoint, or not signature lines.
func TestMalformed(t *testing.T) {
	p, a, _, _ := three(t)
	log := witnesstest.NewLog(t, origin, false)
	signed := log.Note(t, 7, "root")
	line := a.Cosign(t, signed, 10)
	longName := witnesstest.NewLog(t, strings.Repeat("l", 256), false)
	for what, text := range map[string]string{
		"nothing":           "",
		"a text":            "a\n",
		"no signatures":     strings.SplitAfter(string(signed), "\n\n")[0],
		"no root":           "a\n1\n\n" + line,
		"a size with zeros": strings.Replace(string(signed), "\n7\n", "\n07\n", 1),
		"a long origin":     string(longName.Note(t, 7, "root")),
		"too large":         string(signed) + strings.Repeat(line, tlog.MaxNote/len(line)+1),
		"101 signatures":    string(signed) + strings.Repeat(line, 100),
		"a control byte":    string(signed) + "\x00",
		"not UTF-8":         string(signed) + "\xff\n",
	} {
		if c, err := p.Cosignatures([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", what, c)
		}
		if c, err := p.Answer([]byte(text), []byte(line)); err == nil {
			t.Errorf("an answer to %s is read as %+v", what, c)
		}
		if _, err := witness.Merge([]byte(text)); err == nil {
			t.Errorf("%s is merged", what)
		}
	}
	for what, answer := range map[string]string{
		"nothing":           "",
		"a page":            "<html>\n",
		"no newline":        strings.TrimSuffix(line, "\n"),
		"no base64":         "— a.example !\n",
		"another text":      "another\n1\ntext\n\n" + line,
		"more text":         "extension\n\n" + line,
		"an empty line":     line + "\n" + line,
		"the whole note":    string(signed) + line,
		"too large":         strings.Repeat(line, witness.MaxAnswer/len(line)+1),
		"101 signatures":    strings.Repeat(line, 101),
		"a carriage return": strings.TrimSuffix(line, "\n") + "\r\n",
	} {
		if c, err := p.Answer(signed, []byte(answer)); err == nil {
			t.Errorf("%s as an answer is read as %+v", what, c)
		}
	}
}

func TestCheck(t *testing.T) {
	p, a, b, _ := three(t)
	signed := witnesstest.NewLog(t, origin, false).Note(t, 7, "root")
	fork := witnesstest.NewLog(t, origin, false).Note(t, 7, "another")
	c, err := p.Check([]byte(string(signed) + a.Cosign(t, signed, 10) + b.Cosign(t, fork, 10)))
	if !errors.Is(err, witness.ErrNoQuorum) || said(c) != "a 10, not b" {
		t.Errorf("%q, %v", said(c), err)
	}
	for _, want := range []string{`quorum "g"`, "1 of 3", "size 7", `["a"]`, `witness "b": its signature is wrong`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if _, err := p.Check([]byte("x")); err == nil || errors.Is(err, witness.ErrNoQuorum) {
		t.Errorf("no note: %v", err)
	}
}

// Who has cosigned is told by keys: a name may mean somebody else in the next policy.
func TestSatisfiedByKeys(t *testing.T) {
	p, a, b, m := three(t)
	signed := witnesstest.NewLog(t, origin, false).Note(t, 7, "root")
	c, err := p.Answer(signed, []byte(a.Cosign(t, signed, 10)))
	if err != nil {
		t.Fatal(err)
	}
	if next := parse(t, "witness a "+b.VKey, "quorum a"); next.Satisfied(c.Cosignatures) {
		t.Error("the cosignature counts for another who has its name now")
	}
	if next := parse(t, "witness z "+a.VKey, "witness a "+m.VKey, "quorum z"); !next.Satisfied(c.Cosignatures) {
		t.Error("the cosignature does not count for the one who made it, under another name")
	}
}

func TestMerge(t *testing.T) {
	p, a, b, m := three(t)
	log := witnesstest.NewLog(t, origin, true)
	signed := log.Note(t, 7, "root")
	cosigned := func(lines ...string) []witness.Cosignature {
		t.Helper()
		var all []witness.Cosignature
		for _, line := range lines {
			c, err := p.Answer(signed, []byte(line))
			if err != nil || len(c.Cosignatures) != 1 {
				t.Fatal(said(c), err)
			}
			all = append(all, c.Cosignatures...)
		}
		return all
	}
	merge := func(note []byte, cosignatures ...witness.Cosignature) string {
		t.Helper()
		merged, err := witness.Merge(note, cosignatures...)
		if err != nil {
			t.Fatal(err)
		}
		return string(merged)
	}
	a10, a20, b10, m10 := a.Cosign(t, signed, 10), a.Cosign(t, signed, 20), b.Cosign(t, signed, 10), m.Cosign(t, signed, 10)

	if got := merge(signed); got != string(signed) {
		t.Errorf("a note without cosignatures changes:\n%s\n%s", signed, got)
	}
	want := string(signed) + a10 + b10 + m10
	if got := merge(signed, cosigned(m10, a10, b10)...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := merge([]byte(string(signed)+b10), cosigned(b10, m10, a10)...); got != want {
		t.Errorf("in two steps: got\n%s\nwant\n%s", got, want)
	}
	if got := merge(signed, cosigned(a10, a20, a10)...); got != string(signed)+a20 {
		t.Errorf("the latest of three is not kept: %s", got)
	}
	if got := merge([]byte(string(signed)+a20), cosigned(a10)...); got != string(signed)+a10 {
		t.Errorf("a verified one does not replace what the note had: %s", got)
	}
	stranger := witnesstest.NewKey("aa.example").Cosign(t, signed, 1)
	body, own, _ := strings.Cut(string(signed), "\n\n")
	if got := merge([]byte(body+"\n\n"+stranger+own+stranger), cosigned(a10)...); got != string(signed)+a10+stranger {
		t.Errorf("the log's own do not come first, or strangers get lost: %s", got)
	}
	if _, err := witness.Merge(log.Note(t, 7, "another root"), cosigned(a10)...); err == nil || !strings.Contains(err.Error(), `by witness "a" is not for`) {
		t.Errorf("merged into another checkpoint: %v", err)
	}
	full := string(signed)
	for i := range 98 {
		full += witnesstest.NewKey(fmt.Sprint("w", i)).Cosign(t, signed, 1)
	}
	if got := merge([]byte(full)); len(got) != len(full) {
		t.Error("100 signatures are not kept")
	}
	if _, err := witness.Merge([]byte(full), cosigned(a10)...); err == nil || !strings.Contains(err.Error(), "101 signatures") {
		t.Errorf("more signatures than readers take: %v", err)
	}
}

// What is merged is a note for the readers of others, with all keys at once.
func TestMergedIsReadByOthers(t *testing.T) {
	p, a, b, m := three(t)
	log := witnesstest.NewLog(t, origin, true)
	signed := log.Note(t, 7, "root")
	c, err := p.Answer(signed, []byte(b.Cosign(t, signed, 20)+m.Cosign(t, signed, 30)+a.Cosign(t, signed, 10)))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := witness.Merge(signed, c.Cosignatures...)
	if err != nil {
		t.Fatal(err)
	}
	var verifiers []note.Verifier
	for _, vkey := range []string{a.VKey, b.VKey, m.VKey} {
		v, err := formats.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	for _, vkey := range log.VKeys() {
		v, err := tlog.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(merged, note.VerifierList(verifiers...))
	if err != nil || len(n.Sigs) != 5 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("%d verified, %d not: %v", len(n.Sigs), len(n.UnverifiedSigs), err)
	}
	for i, seconds := range []int64{10, 20, 30} {
		if at, err := formats.CoSigV1Timestamp(n.Sigs[2+i]); err != nil || at != time.Unix(seconds, 0) {
			t.Errorf("cosignature %d is dated %v, %v", i, at, err)
		}
		if c.Cosignatures[i].Line() != "— "+n.Sigs[2+i].Name+" "+n.Sigs[2+i].Base64+"\n" {
			t.Errorf("line %q", c.Cosignatures[i].Line())
		}
	}
	if !bytes.HasPrefix(merged, signed) {
		t.Error("the log's signatures are not first")
	}
}

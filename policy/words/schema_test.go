package words_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
	"github.com/snatctl/snatctl/policy/words"
)

// TestSchemaDocument makes docs/policy.schema.json; -update writes it.
func TestSchemaDocument(t *testing.T) {
	golden.Text(t, "../../docs/policy.schema.json", words.Schema())
}

// TestSchemaOfValid holds that the schema takes whatever the loader takes: all policies that
// are in the repository, and every example of the reference.
func TestSchemaOfValid(t *testing.T) {
	s := compileSchema(t)
	accepted := 0
	check := func(name string, data []byte) {
		root, diag := read.Document(policy.Source{Name: name, Data: data})
		if p, _ := read.Parse([]policy.Source{{Name: name, Data: data}}); p == nil || diag != nil {
			return
		}
		accepted++
		if err := s.Validate(jsonValue(root, 0)); err != nil {
			t.Errorf("%s is valid, but the schema refuses it: %v\n%s", name, err, data)
		}
	}
	for _, glob := range []string{"../../testdata/valid/*.yaml", "../../examples/*.yaml", "../../integration/testdata/*.yaml", "../../internal/law/testdata/*.yaml"} {
		for _, path := range globbed(t, glob) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			check(path, data)
		}
	}
	for _, glob := range []string{"../read/testdata/*.txtar", "../testdata/*/*.txtar", "../../compiler/testdata/*/*.txtar", "../../compiler/*/testdata/*.txtar"} {
		for _, path := range globbed(t, glob) {
			for _, f := range archived(t, path) {
				check(path+" "+f.Name, f.Data)
			}
		}
	}
	for _, doc := range []string{"../../docs/policy.md", "../../README.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(text, -1) {
			check(doc, m[1])
		}
	}
	for i := range words.Language() {
		k := &words.Language()[i]
		check(k.Path, []byte(k.Sample(k.Example)))
		if k.Default != "" {
			check(k.Path, []byte(k.Sample(k.Default)))
		}
	}
	if accepted < 100 {
		t.Errorf("only %d policies were held against the schema", accepted)
	}
}

// unseen is what the schema cannot know, by code: comparisons of keys, objects or files, and
// arithmetic on addresses. A code that is missing here is one of shape, which the schema must
// find, at the same place as the loader.
var unseen = map[string]string{
	"A02": "compares keys", "A12": "compares keys",
	"B01": "compares keys", "B02": "compares keys", "B03": "compares keys",
	"F02": "compares objects", "F03": "compares objects", "F04": "compares objects", "F05": "compares sections", "F06": "compares sections", "F15": "compares sections",
	"F07": "compares sections", "F08": "compares items",
	"P01": "compares objects", "P04": "a property of the address", "P14": "compares keys", "P15": "compares objects", "P16": "compares items",
	"S01": "compares objects; a VIP that stands twice it sees", "S02": "compares ranges", "S06": "the same server may be written in two ways",
	"S07": "compares keys", "S08": "compares families", "S09": "compares keys", "S16": "compares items", "S17": "compares items",
	"S20": "compares objects", "S21": "compares keys", "S35": "compares keys", "S42": "compares keys", "S30": "compares keys", "S32": "compares objects", "S34": "compares keys", "L01": "compares keys", "U02": "a property of the address, or compares keys", "F09": "a property of the address, or compares items", "U03": "arithmetic", "U04": "compares objects", "U05": "compares objects",
	"U06": "compares keys", "U07": "compares objects", "U08": "compares keys", "T02": "compares objects", "T03": "compares families", "Z01": "compares objects", "Z08": "compares families",
	"X11": "compares keys", "X12": "compares ranges", "X13": "compares keys", "X14": "compares families", "Z13": "compares keys", "Z14": "compares keys",
}

// unseenOf is the same for codes of which the schema sees a part.
var unseenOf = []struct{ code, message, why string }{
	{"A01", `there is no health check`, "compares objects"},
	{"G01", `the section is there twice`, "in two files"},
	{"N01", `the name is defined twice`, "compares objects"},
	{"N02", `is neither an address nor the name of a pool`, "it could be a name"},
	{"N02", `is not a router ID`, "it is an address"},
	{"N02", `IPv4-mapped`, "a property of the address"},
	{"N03", `is too short for a check|the range of status codes`, "arithmetic"},
	{"N03", `command: .* is not the whole path of a file`, "the first item only"},
	{"N03", `is there twice, first at`, "JSON has no repeated keys"},
	{"N03", `not valid YAML|the file is empty|a second YAML document|the alias|the aliases|merge keys|the YAML tag|the directive|a key must be text`, "YAML, not its content"},
	{"N03", `is not a plain number: .*(octal|hexadecimal|binary|underscore|exponent|decimal point|plus sign)`, "YAML makes a number of it before the schema sees it"},
	{"N03", `must be true or false, not "True"`, "YAML makes a truth value of it"},
	{"N03", `the kernel counts timeouts in seconds|is too long for the kernel`, "arithmetic"},
	{"P08", `reversed`, "arithmetic"},
	{"R01", `nft 1.0.6 cannot load such an object again`, "compares objects"},
	{"R03", `are not told by their sources alone`, "compares keys"},
	{"R02", `are sysctls of the whole machine`, "compares keys"},
	{"U01", `listed twice|stands alone`, "compares items"},
	{"Z03", `host bits set|reversed|mixes`, "arithmetic"},
	{"Z07", `there is no pool`, "compares objects"},
	{"Z09", `: icmp(v6)? has no ports$`, "compares keys"},
}

// TestSchemaOfInvalid holds every finding of the golden cases against the schema: it must see
// it at the same place, or the finding must be listed above.
func TestSchemaOfInvalid(t *testing.T) {
	s := compileSchema(t)
	used := map[string]bool{}
	for _, path := range append(globbed(t, "../read/testdata/*.txtar"), globbed(t, "../../testdata/invalid/*.yaml")...) {
		var srcs []policy.Source
		for _, f := range archived(t, path) {
			srcs = append(srcs, policy.Source(f))
		}
		_, ds := read.Parse(srcs)
		for _, src := range srcs {
			seen := map[policy.Pos]bool{}
			if root, diag := read.Document(src); diag == nil {
				refusals(s, src.Name, root, seen)
			}
			for _, d := range ds {
				why, listed := listedUnseen(d)
				used[why] = true
				if d.Pos.File == src.Name && d.Severity == policy.Error && !listed && !seen[d.Pos] {
					t.Errorf("%s: the schema does not see\n%v", path, d)
				}
			}
		}
	}
	for i, u := range unseenOf {
		if !used[strconv.Itoa(i)] {
			t.Errorf("no case has a %s with %q: it need not be listed", u.code, u.message)
		}
	}
}

// listedUnseen tells whether a finding is one that the schema cannot see, and by what.
func listedUnseen(d policy.Diagnostic) (by string, listed bool) {
	for i, u := range unseenOf {
		if u.code == d.Code && regexp.MustCompile(u.message).MatchString(d.Msg) {
			return strconv.Itoa(i), true
		}
	}
	_, listed = unseen[d.Code]
	return d.Code, listed
}

package findings

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// sample is a report with everything that the formats must cope with: characters that are wide,
// tabs, a line longer than a screen, a place behind the end of its line, a finding without a
// place, two alike, suppressed ones, and names that XML and workflow commands must escape.
func sample() *Report {
	main := "version: 1\n" +
		"zones:\n" +
		"  - {name: office,\tfrom: 10.0.0.5/24, laddrs: \"offce\"} # Büro\n" +
		"tests:\n" +
		"  - {name: 办公室 goes out, from: 10.1.5.9, to: 8.8.8.8, proto: icmp, expect: {zone: ofice}}\n" +
		"services:\n"
	long := "version: 1\nladdrs: {big: [" + strings.Repeat("198.51.100.1, ", 30) + "127.0.0.1, " + strings.Repeat("198.51.100.2, ", 30) + "198.51.100.3]}\n"
	at := func(file string, line, col int, s policy.Severity, code, object, msg, hint string) Finding {
		return Finding{Diagnostic: policy.Diagnostic{Pos: policy.Pos{File: file, Line: line, Col: col}, Severity: s, Code: code, Object: object, Msg: msg, Hint: hint}}
	}
	r := &Report{
		Sources: []policy.Source{{Name: "a,b/policy.yaml", Data: []byte(main)}, {Name: "long & <wide>.yaml", Data: []byte(long)}, {Name: "clean.yaml", Data: []byte("version: 1\n")}},
		Version: "v1.2.3",
		Rules: []lint.Rule{
			{Code: "P04", Severity: policy.Error, Title: "An address that no packet may carry."},
			{Code: "Z03", Severity: policy.Error, Title: "A prefix with host bits.", Why: "It is not clear what is meant.", Bad: "\nversion: 1\n# bad\n", Good: "\nversion: 1\n# good\n"},
			{Code: "Z04", Severity: policy.Warning, Title: "A catch-all zone has neither uplinks nor oif.", Why: "It translates between inside networks."},
			{Code: "H02", Severity: policy.Warning, Live: true, Title: "Something flushes rulesets.", Why: "The table goes."},
		},
		Findings: []Finding{
			at("long & <wide>.yaml", 2, 436, policy.Error, "P04", "pool big", "pool big: 127.0.0.1 is loopback", ""),
			at("a,b/policy.yaml", 3, 27, policy.Error, "Z03", "zone office", "zone office: from: 10.0.0.5/24: host bits set, 50% sure", "write 10.0.0.0/24"),
			at("a,b/policy.yaml", 3, 48, policy.Warning, "Z04", "zone office", "zone office: as at a,b/policy.yaml:2:1", ""),
			at("a,b/policy.yaml", 5, 70, policy.Warning, "Z04", "zone office", "zone office: as at a,b/policy.yaml:9:9", ""),
			at("a,b/policy.yaml", 5, 12, policy.Info, "T77", "", "the name 办公室 is \x1b[31mred", "no such rule"),
			at("a,b/policy.yaml", 6, 10, policy.Info, "T77", "", "nothing follows", ""),
			at("", 0, 0, policy.Warning, "H02", "host", "host: nftables.service flushes rulesets", "disable it"),
		},
	}
	ignored := at("a,b/policy.yaml", 2, 1, policy.Warning, "Z04", "zone lab", "zone lab: is a catch-all", "")
	ignored.Suppression = Suppression{InSource, "a lab, by \"design\""}
	r.Findings = append(r.Findings, ignored)
	r.Accept(Baseline{map[key]int{{"long & <wide>.yaml", "P04", "pool big", "pool big: 127.0.0.1 is loopback"}: 1, {"a,b/policy.yaml", "Z04", "zone office", "zone office: as at a,b/policy.yaml"}: 1}})
	r.Sort()
	return r
}

func TestFormats(t *testing.T) {
	r := sample()
	for _, c := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"report.txt", func(w io.Writer) error { return r.Text(w, false) }},
		{"report.colour", func(w io.Writer) error { return r.Text(w, true) }},
		{"report.json", r.JSON},
		{"report.github", r.GitHub},
		{"report.sarif", r.SARIF},
		{"report.xml", r.JUnit},
	} {
		t.Run(c.file, func(t *testing.T) {
			var got bytes.Buffer
			if err := c.write(&got); err != nil {
				t.Fatal(err)
			}
			golden.Text(t, "testdata/"+c.file, got.Bytes())
			if err := c.write(failing{}); err == nil {
				t.Error("what cannot be written is no error")
			}
		})
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestSARIFSchema holds logs against the published schema.
func TestSARIFSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	whole := sample()
	whole.Rules = lint.Rules()
	for name, r := range map[string]*Report{"sample": sample(), "empty": {}, "the catalogue": whole} {
		var log bytes.Buffer
		if err := r.SARIF(&log); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&log)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version": "2.1.0", "runs": [{"tool": {}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(wrong) == nil {
		t.Error("the schema takes a tool without a driver")
	}
}

// TestSARIFPlaces: paths are URIs, relative ones to the directory that snatctl ran in.
func TestSARIFPlaces(t *testing.T) {
	for file, want := range map[string]string{
		"policy.yaml":        `"uri":"policy.yaml","uriBaseId":"%SRCROOT%"`,
		"./a b/%.yaml":       `"uri":"a%20b/%25.yaml","uriBaseId":"%SRCROOT%"`,
		"with:colon.yaml":    `"uri":"./with:colon.yaml","uriBaseId":"%SRCROOT%"`,
		"/etc/s/policy.yaml": `"uri":"file:///etc/s/policy.yaml"`,
		"<stdin>":            `"uri":"%3Cstdin%3E","uriBaseId":"%SRCROOT%"`,
	} {
		f := Finding{Diagnostic: policy.Diagnostic{Pos: policy.Pos{File: file, Line: 1, Col: 1}}}
		got, err := json.Marshal(sarifLocations(f, newTexts(nil)))
		if err != nil || !strings.Contains(string(got), want+"}") {
			t.Errorf("%s: got %s, %v; want %s", file, got, err, want)
		}
	}
}

// TestJUnitCounts reads the report back: the counts are those of its cases.
func TestJUnitCounts(t *testing.T) {
	var out bytes.Buffer
	if err := sample().JUnit(&out); err != nil {
		t.Fatal(err)
	}
	var report junitReport
	if err := xml.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	tests, failures, skipped := 0, 0, 0
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			tests++
			if c.Failure != nil {
				failures++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
	}
	if report.Tests != tests || report.Failures != failures || report.Skipped != skipped || failures == 0 {
		t.Errorf("the report says %d tests, %d failures, %d skipped; it has %d, %d, %d", report.Tests, report.Failures, report.Skipped, tests, failures, skipped)
	}
}

// TestFails: errors always, warnings where the run is strict, infos and suppressed ones never.
func TestFails(t *testing.T) {
	for _, c := range []struct {
		severity   policy.Severity
		suppressed Kind
		lax        bool
		strict     bool
	}{
		{policy.Error, "", true, true},
		{policy.Warning, "", false, true},
		{policy.Warning, InSource, false, false},
		{policy.Warning, External, false, false},
		{policy.Info, "", false, false},
	} {
		f := Finding{policy.Diagnostic{Severity: c.severity}, Suppression{Kind: c.suppressed}}
		for strict, want := range map[bool]bool{false: c.lax, true: c.strict} {
			r := Report{Findings: []Finding{f}, Strict: strict}
			if r.Failed() != want {
				t.Errorf("%s %q, strict %v: fails %v, want %v", c.severity, c.suppressed, strict, !want, want)
			}
		}
	}
}

// TestSummary counts by severity and by suppression.
func TestSummary(t *testing.T) {
	for want, r := range map[string]*Report{
		"no findings in 0 files": {},
		"2 errors, 2 warnings, 2 infos in 3 files; 1 ignored by comments; 1 accepted by the baseline": sample(),
	} {
		if got := r.Summary(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestJSONKeys: the keys are a contract.
func TestJSONKeys(t *testing.T) {
	var out bytes.Buffer
	if err := sample().JSON(&out); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		for _, k := range []string{"file", "line", "column", "severity", "code", "object", "message", "hint"} {
			if _, ok := f[k]; !ok {
				t.Errorf("%v lacks %s", f, k)
			}
		}
		if len(f) != 8 || f["line"].(float64) < 1 || f["column"].(float64) < 1 {
			t.Errorf("%v", f)
		}
	}
}

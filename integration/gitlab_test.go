package integration

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestGitLab runs the job that docs/ci.md shows for GitLab, without its installing, on the
// sample repository: good, and with a warning.
func TestGitLab(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("needs jq (scripts/deps.sh)")
	}
	doc, err := os.ReadFile("../docs/ci.md")
	must(t, err)
	_, section, _ := strings.Cut(string(doc), "\n## GitLab\n")
	var job struct {
		Policy struct {
			Script    []string
			Artifacts struct{ Reports map[string]string }
		}
	}
	must(t, yaml.Unmarshal([]byte(fenced(t, section, "yaml")), &job))
	script := "set -eo pipefail\n"
	for _, line := range job.Policy.Script {
		if !strings.HasPrefix(line, "go install") && !strings.HasPrefix(line, "apt-get") {
			script += line + "\n"
		}
	}
	ci := newCheckout(t)
	must(t, os.WriteFile(filepath.Join(ci.dir, "codequality.jq"), []byte(fenced(t, section, "jq")), 0o644))

	ci.shell(t, 0, "bash", "-c", script)
	junit, quality := reports(t, ci, job.Policy.Artifacts.Reports)
	if junit.Tests != 2 || junit.Failures != 0 || len(quality) != 0 {
		t.Errorf("a good policy: %+v, %v", junit, quality)
	}

	ci.replace(t, "10-zones.yaml", "  uplinks: [wan0]", "  unmatched: accept")
	ci.replace(t, "10-zones.yaml", "from: [10.1.0.0/16, \"fd01::/64\"]", "from: [0.0.0.0/0, \"fd01::/64\"]")
	ci.shell(t, 1, "bash", "-c", script)
	junit, quality = reports(t, ci, job.Policy.Artifacts.Reports)
	if junit.Failures == 0 || len(quality) == 0 {
		t.Fatalf("a warning, strict: %+v, %v", junit, quality)
	}
	if q := quality[0]; q.Description == "" || q.Check == "" || q.Fingerprint == "" || q.Severity != "minor" || q.Location.Path != "policy.d/10-zones.yaml" || q.Location.Lines.Begin < 1 {
		t.Errorf("code quality: %+v", q)
	}
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
}

// codeQuality is an entry of GitLab's code quality report (docs.gitlab.com, "Code Quality report
// format").
type codeQuality struct {
	Description string `json:"description"`
	Check       string `json:"check_name"`
	Fingerprint string `json:"fingerprint"`
	Severity    string `json:"severity"`
	Location    struct {
		Path  string `json:"path"`
		Lines struct {
			Begin int `json:"begin"`
		} `json:"lines"`
	} `json:"location"`
}

// reports reads the files that the job names as its reports.
func reports(t *testing.T, ci checkout, names map[string]string) (junit junitCounts, quality []codeQuality) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(ci.dir, names["junit"]))
	must(t, err)
	must(t, xml.Unmarshal(text, &junit))
	text, err = os.ReadFile(filepath.Join(ci.dir, names["codequality"]))
	must(t, err)
	must(t, json.Unmarshal(text, &quality))
	return junit, quality
}

// fenced returns the first block of a language in a document.
func fenced(t *testing.T, text, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("docs/ci.md has no block of %s there", language)
	}
	return m[1]
}

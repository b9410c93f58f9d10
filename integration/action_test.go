package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// action is what the test reads of action.yml (docs.github.com, "Metadata syntax for GitHub
// Actions").
type action struct {
	Name, Description string
	Inputs            map[string]struct {
		Description, Default string
		Required             bool
	}
	Runs struct {
		Using string
		Steps []step
	}
}

type step struct {
	Name, If, Uses, Shell, Run string
	With, Env                  map[string]string
}

// TestAction runs the steps of action.yml on the sample repository, as GitHub does, those of
// other actions apart.
func TestAction(t *testing.T) {
	t.Parallel()
	var a action
	decode(t, "../action.yml", &a)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" {
		t.Errorf("action.yml lacks a key: %+v", a)
	}
	for name, in := range a.Inputs {
		if in.Description == "" || strings.HasSuffix(in.Description, ".") {
			t.Errorf("the input %s is described as %q", name, in.Description)
		}
	}
	ci, temp := newCheckout(t), t.TempDir()
	with := map[string]string{"policy": "\npolicy.d/10-zones.yaml\npolicy.d/20-services.yaml\n", "sarif": "lint.sarif", "upload": "false"}
	out, failed := a.run(t, ci, temp, with)
	if len(failed) > 0 || strings.Contains(out, "::") {
		t.Errorf("a good policy: the steps %v fail\n%s", failed, out)
	}
	if log, err := os.ReadFile(filepath.Join(ci.dir, "lint.sarif")); err != nil || !strings.Contains(string(log), `"version": "2.1.0"`) {
		t.Errorf("the SARIF file: %v\n%s", err, log)
	}

	ci.replace(t, "20-services.yaml", "192.168.1.2]", "192.168.1.3]")
	out, failed = a.run(t, ci, temp, with)
	if !slices.Equal(failed, []string{"test"}) || !strings.Contains(out, "::error file=policy.d/20-services.yaml,line=12,") {
		t.Errorf("a failing test: the steps %v fail\n%s", failed, out)
	}

	ci.replace(t, "10-zones.yaml", "  uplinks: [wan0]", "  unmatched: accept")
	ci.replace(t, "10-zones.yaml", "from: [10.1.0.0/16, \"fd01::/64\"]", "from: [0.0.0.0/0, \"fd01::/64\"]")
	with["test"] = "false"
	if out, failed = a.run(t, ci, temp, with); len(failed) > 0 || !strings.Contains(out, "::warning file=policy.d/10-zones.yaml,line=") {
		t.Errorf("a warning: the steps %v fail\n%s", failed, out)
	}
	with["strict"] = "true"
	if out, failed = a.run(t, ci, temp, with); !slices.Equal(failed, []string{"lint"}) {
		t.Errorf("a warning, strict: the steps %v fail\n%s", failed, out)
	}
	ci.shell(t, 0, "snatctl", "lint", "policy.d/10-zones.yaml", "policy.d/20-services.yaml", "--baseline", "known.json", "--write-baseline")
	with["baseline"] = "known.json"
	if out, failed = a.run(t, ci, temp, with); len(failed) > 0 {
		t.Errorf("a warning that the baseline accepts: the steps %v fail\n%s", failed, out)
	}
}

// expression is what stands in ${{ }}.
var expression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

// run does the steps of the action and returns what they print and the names of those that
// fail. Later steps run nevertheless if their condition says so. What was built in the
// temporary directory before is not built again.
func (a action) run(t *testing.T, ci checkout, temp string, with map[string]string) (out string, failed []string) {
	t.Helper()
	input := func(name string) string {
		in, ok := a.Inputs[name]
		if v, given := with[name]; given {
			return v
		}
		if !ok || in.Required {
			t.Fatalf("action.yml asks for the input %q", name)
		}
		return in.Default
	}
	source := absolute(t, "..")
	_, err := os.Stat(filepath.Join(temp, "snatctl"))
	built := err == nil
	for _, s := range a.Runs.Steps {
		if s.Uses != "" || built && s.Name == "build snatctl" {
			continue
		}
		always, holds := condition(t, s.If, input)
		if !holds || len(failed) > 0 && !always {
			continue
		}
		if s.Shell != "bash" {
			t.Errorf("the step %q has the shell %q", s.Name, s.Shell)
		}
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
		cmd.Dir = ci.dir
		cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=true", "GITHUB_ACTION_PATH="+source, "GITHUB_PATH="+filepath.Join(temp, "path"),
			"RUNNER_TEMP="+temp, "PATH="+filepath.Join(temp, "snatctl")+":"+os.Getenv("PATH"))
		for name, value := range s.Env {
			cmd.Env = append(cmd.Env, name+"="+expression.ReplaceAllStringFunc(value, func(e string) string {
				return input(strings.TrimPrefix(expression.FindStringSubmatch(e)[1], "inputs."))
			}))
		}
		if expression.MatchString(s.Run) {
			t.Errorf("the step %q puts an expression into its script, where an input could be a command", s.Name)
		}
		text, err := cmd.CombinedOutput()
		out += string(text)
		if err != nil {
			failed = append(failed, s.Name)
		}
	}
	if path, err := os.ReadFile(filepath.Join(temp, "path")); err != nil || strings.TrimSpace(string(path)) != filepath.Join(temp, "snatctl") {
		t.Errorf("GITHUB_PATH gets %q, %v", path, err)
	}
	return out, failed
}

// condition evaluates the conditions that action.yml has: comparisons of inputs joined by &&.
// Always tells that they hold after a failure, too.
func condition(t *testing.T, text string, input func(string) string) (always, holds bool) {
	t.Helper()
	m := expression.FindStringSubmatch(text)
	if m == nil {
		return false, text == ""
	}
	holds = true
	for _, part := range strings.Split(m[1], " && ") {
		var name, op, value string
		switch n, _ := fmt.Sscanf(strings.TrimPrefix(part, "inputs."), "%s %s %s", &name, &op, &value); {
		case part == "!cancelled()":
			always = true
		case n == 3 && op == "==":
			holds = holds && input(name) == strings.Trim(value, "'")
		case n == 3 && op == "!=":
			holds = holds && input(name) != strings.Trim(value, "'")
		default:
			t.Fatalf("action.yml has the condition %q", part)
		}
	}
	return always, holds
}

// TestHooks holds .pre-commit-hooks.yaml against pre-commit's schema of it (pre-commit.com,
// "Creating new hooks") and its commands against snatctl.
func TestHooks(t *testing.T) {
	t.Parallel()
	var hooks []struct {
		ID, Name, Description, Entry, Language, Files string
		Types                                         []string
		PassFilenames                                 *bool `yaml:"pass_filenames"`
	}
	decode(t, "../.pre-commit-hooks.yaml", &hooks)
	ci := newCheckout(t)
	for _, h := range hooks {
		if h.ID == "" || h.Name == "" || h.Description == "" || h.Language != "golang" || !slices.Equal(h.Types, []string{"yaml"}) {
			t.Errorf("a hook lacks a key: %+v", h)
		}
		files := []string{"policy.d/10-zones.yaml", "policy.d/20-services.yaml"}
		if h.PassFilenames != nil && !*h.PassFilenames {
			files = []string{"policy.d"}
		}
		pattern, err := regexp.Compile(h.Files)
		must(t, err)
		for _, f := range files {
			if !pattern.MatchString(f) || h.Files != "" && pattern.MatchString("deploy/values.yaml") {
				t.Errorf("the hook %s looks at the wrong files: %s", h.ID, h.Files)
			}
		}
		ci.shell(t, 0, append(strings.Fields(h.Entry), files...)...)
	}
	if len(hooks) != 2 {
		t.Errorf("there are %d hooks", len(hooks))
	}
}

// decode reads a YAML file whose keys a struct all has.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	must(t, d.Decode(into))
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	must(t, err)
	return abs
}

package kernels

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	mirror  = "http://deb.debian.org/debian"
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// apt is an apt with one suite as its only source and nothing installed. It verifies what it
// downloads as any apt does.
type apt struct{ suite, dir string }

// openApt returns the apt of a suite, which keeps everything below dir. It reads the suite's
// lists if there are none yet; remove dir to read them anew.
func openApt(ctx context.Context, suite, dir string) (*apt, error) {
	a := &apt{suite, dir}
	for _, d := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	suites := suite
	if base, ok := strings.CutSuffix(suite, "-backports"); ok {
		suites = base + " " + suite // what they depend on is there
	}
	source := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n", mirror, suites, keyring)
	if err := os.WriteFile(filepath.Join(dir, "debian.sources"), []byte(source), 0o644); err != nil {
		return nil, err
	}
	if have, _ := filepath.Glob(filepath.Join(dir, "lists/*_"+suite+"_*_Packages*")); len(have) > 0 {
		return a, nil
	}
	_, err := a.get(ctx, "update", "--error-on=any")
	return a, err
}

// get runs apt-get and returns what it prints.
func (a *apt) get(ctx context.Context, args ...string) (string, error) {
	options := []string{"-q"}
	for _, o := range []string{
		"Dir::Etc::sourcelist=" + filepath.Join(a.dir, "debian.sources"), "Dir::Etc::sourceparts=/dev/null",
		"Dir::State::status=/dev/null", "Dir::State::lists=" + filepath.Join(a.dir, "lists"),
		"Dir::Cache=" + a.dir, "APT::Architecture=amd64", "APT::Default-Release=" + a.suite, "APT::Sandbox::User=", "Acquire::Languages=none",
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "Acquire::Retries=3",
	} {
		options = append(options, "-o", o)
	}
	cmd := exec.CommandContext(ctx, "apt-get", append(options, args...)...)
	cmd.Dir = filepath.Join(a.dir, "archives")
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("apt-get %s for %s: %w\n%s", strings.Join(args, " "), a.suite, err, strings.TrimSpace(errors.String()))
	}
	return string(out), nil
}

// wouldInstall matches apt-get's "Inst NAME (VERSION …".
var wouldInstall = regexp.MustCompile(`(?m)^Inst (\S+) `)

// packages downloads those packages, of the given ones and all that they depend on, whose
// names match, and returns their files in the order in which they are to be installed.
func (a *apt) packages(ctx context.Context, match *regexp.Regexp, names ...string) ([]string, error) {
	plan, err := a.get(ctx, append([]string{"install", "--no-install-recommends", "-s"}, names...)...)
	if err != nil {
		return nil, err
	}
	args := []string{"download"}
	for _, m := range wouldInstall.FindAllStringSubmatch(plan, -1) {
		if match.MatchString(m[1]) {
			args = append(args, m[1])
		}
	}
	if _, err := a.get(ctx, args...); err != nil {
		return nil, err
	}
	var files []string
	for _, name := range args[1:] {
		found, err := filepath.Glob(filepath.Join(a.dir, "archives", name+"_*.deb"))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("%s: %d files of package %s in %s, want one: remove the directory", a.suite, len(found), name, a.dir)
		}
		files = append(files, found[0])
	}
	return files, nil
}

package ipvsadm

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// comments are those of a policy: they quote lines, and prove nothing.
var comments = regexp.MustCompile(`(?m)^\s*#.*\n| # line .*$`)

// said is all that a translation says, but for comments.
func said(rules []byte, dialect translate.Dialect) string {
	r, err := Translate(policy.Source{Name: "rules", Data: rules}, dialect)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintln(comments.ReplaceAllString(string(r.Policy), ""), r.Report.Gaps)
}

// without are lines in which not every number matters, with the reason: the old system does not
// look at it either.
var without = []*regexp.Regexp{
	regexp.MustCompile(` -w [0-9]+`), // rr ignores weights, and TestWeights holds the others
	regexp.MustCompile(`--zone 10\.2\.0\.0/16|--zone 10\.1\.5\.0/24|1\.1\.0\.0/255\.255\.0\.0`),               // host bits, which no source is compared with
	regexp.MustCompile(`^IP |^FWM|^TCP .*2000|^ +(198\.51\.100|192\.168\.1\.250)|DFLT|^[0-9.:]+ +[0-9]+ *\n`), // counters and titles of listings
	regexp.MustCompile(`exit 1|usage:|^case|2>&1`),                                                            // the shell's own
}

// TestEveryWordCounts changes every address and number of every sample, one at a time: the policy
// or the report must tell. A reader that dropped something would not notice.
func TestEveryWordCounts(t *testing.T) {
	rules, dialects := samples(t)
	digits := regexp.MustCompile(`[0-9][0-9.]*`)
	tried := 0
	for i, text := range rules {
		was := said(text, dialects[i])
		if strings.Contains(was, ": error: ") {
			continue
		}
		lines := strings.SplitAfter(string(text), "\n")
		for n, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.Contains(line, "->") || exempt(line) {
				continue
			}
			for _, at := range digits.FindAllStringIndex(line, -1) {
				old := line[at[0]:at[1]]
				changed := line[:at[0]] + other(old) + line[at[1]:]
				is := said([]byte(strings.Join(lines[:n], "")+changed+strings.Join(lines[n+1:], "")), dialects[i])
				if tried++; is == was {
					t.Errorf("nobody notices that %q becomes %q", strings.TrimSpace(line), strings.TrimSpace(changed))
				}
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d words were tried", tried)
	}
}

func exempt(line string) bool {
	for _, re := range without {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

// other is another number that stands where the first does, but for its last digit the same.
func other(n string) string {
	if rest := strings.TrimRight(n, "."); rest != n {
		return other(rest) + n[len(rest):]
	}
	if n[len(n)-1] == '5' {
		return n[:len(n)-1] + "4"
	}
	return n[:len(n)-1] + "5"
}

// TestWeights: each weight that the scheduler looks at is in the policy.
func TestWeights(t *testing.T) {
	for _, scheduler := range []string{"wrr", "wlc", "sh", "dh", "mh", "sed", "nq", "lblc", "lblcr", "ovf", "conhash", "twos", "other"} {
		rules := "-A -t 203.0.113.10:80 -s " + scheduler + "\n-a -t 203.0.113.10:80 -r 192.168.1.1:80 -m -w 3\n-a -t 203.0.113.10:80 -r 192.168.1.2:80 -m -w 0\n"
		r, err := translated(t, []byte(rules), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"{address: 192.168.1.1, weight: 3}", "{address: 192.168.1.2, weight: 0}"} {
			if !strings.Contains(string(r.Policy), want) {
				t.Errorf("%s: %s is not in\n%s", scheduler, want, r.Policy)
			}
		}
	}
}

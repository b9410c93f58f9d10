package journal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
)

// TestLogsPage makes docs/logs.md of the table of events; -update writes it.
func TestLogsPage(t *testing.T) {
	golden.Text(t, "../../docs/logs.md", page())
}

// TestAttributes holds the attributes of events against the list of their meanings.
func TestAttributes(t *testing.T) {
	used := map[string]bool{"folded": true, "folded_in": true, "last": true}
	for _, g := range Groups {
		for _, e := range g.Events {
			for _, a := range e.With {
				used[a] = true
			}
			if e.Meaning == "" || len(e.Levels) == 0 {
				t.Errorf("event %s has no meaning or no level", e.Name)
			}
		}
	}
	var names []string
	for _, a := range Attributes {
		names = append(names, a.Name)
		if !used[a.Name] {
			t.Errorf("no event has the attribute %s", a.Name)
		}
		delete(used, a.Name)
	}
	for a := range used {
		t.Errorf("the attribute %s has no meaning", a)
	}
	if !slices.IsSorted(names) {
		t.Error("the attributes are not sorted by name")
	}
}

const pageHead = `# The log of the agent

This page is made from the table of events in ` + "`agent/journal/events.go`" + `. Do not edit it: change that, and run ` + "`make docs`" + `.

` + "`snatctl agent`" + ` logs to standard error, a line for each event. The message of a line is the name of its event; the rest are
attributes. Names, levels and attributes stay as they are from version to version, so monitoring may rely on them; new ones come.

` + "```" + `
time=2026-11-30T03:53:45.427Z level=INFO msg=server_up service=web server=192.168.1.1 was=down was_for=469ms
time=2026-11-30T03:53:49.958Z level=WARN msg=server_down service=web server=192.168.1.1 was=up was_for=4.536s reason="connection refused" out_after=858µs
` + "```" + `

With ` + "`--log-format json`" + ` it is a JSON object a line (` + "`time`, `level`, `msg`" + `, attributes); times that something took are seconds there.

## In the journal

If standard error is the journal of systemd (its ` + "`JOURNAL_STREAM`" + ` names it), lines have the journal's priorities, and no time of their own:

` + "```sh" + `
journalctl -u snatctl-agent -p err                       # quorum_lost, policy_refused, …
journalctl -u snatctl-agent -g 'msg=server_(down|up) '   # the health of real servers
` + "```" + `

| level | priority |
|---|---|
| ERROR | 3, err |
| WARN | 4, warning |
| INFO | 6, info |

## Floods

Of equal messages the first three within 10 s are written at once. The rest of them become one line at the end of the 10 s: the last one,
with ` + "`folded`" + ` (how many it stands for), ` + "`folded_in`" + ` and ` + "`last`" + `. While the flood goes on, that is one line in 10 s. When the agent ends, it
writes what it still holds back. Messages are equal if they have the same event, level and attributes, but for those that only
measure something (marked below). This is the end of six equal orders of an operator, as the agent ends:

` + "```" + `
time=2026-11-30T03:54:07.195Z level=INFO msg=override_set service=web server=192.168.1.1 kind=weight weight=5 for=0s by=root folded=3 folded_in=510ms last=2026-11-30T03:54:07.195Z
` + "```" + `

So verdicts about different real servers are never folded together.
`

func page() []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	for _, g := range Groups {
		fmt.Fprintf(&b, "\n## %s\n\n| event | level | means | attributes |\n|---|---|---|---|\n", g.Title)
		for _, e := range g.Events {
			var levels []string
			for _, l := range e.Levels {
				levels = append(levels, l.String())
			}
			attrs := ""
			if len(e.With) > 0 {
				attrs = "`" + strings.Join(e.With, "` `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, strings.Join(levels, ", "), e.Meaning, attrs)
		}
	}
	b.WriteString("\n## Attributes\n\n| attribute | means | measures only |\n|---|---|---|\n")
	for _, a := range Attributes {
		mark := ""
		if a.Measures {
			mark = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Name, a.Meaning, mark)
	}
	return b.Bytes()
}

package integration

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// report is what `diff --format json` prints.
type report struct {
	Changes         []struct{ Action, Kind, Name, Detail string }
	Elements, Rules struct{ Add, Delete int }
	FlowsEnded      int `json:"flows_ended"`
}

// diffJSON runs diff and checks its keys to the letter.
func diffJSON(t *testing.T, h *nstest.Host, policy string, code int) report {
	t.Helper()
	r := snatctl(t, h, policy, "diff", "--format", "json")
	if r.Code != code {
		t.Errorf("diff exits %d, want %d: %s%s", r.Code, code, r.Stdout, r.Stderr)
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(r.Stdout), &keys); err != nil {
		t.Fatalf("diff --format json prints %q: %v", r.Stdout, err)
	}
	wantKeys(t, "diff", keys, "changes", "elements", "rules", "flows_ended")
	for _, part := range []string{"elements", "rules"} {
		m, _ := keys[part].(map[string]any)
		wantKeys(t, part, m, "add", "delete")
	}
	changes, ok := keys["changes"].([]any)
	if !ok {
		t.Errorf("changes is %v, want a list", keys["changes"])
	}
	for _, c := range changes {
		m, _ := c.(map[string]any)
		wantKeys(t, "a change", m, "action", "kind", "name", "detail")
	}
	var out report
	must(t, json.Unmarshal([]byte(r.Stdout), &out))
	for _, c := range out.Changes {
		if !slices.Contains([]string{"add", "remove", "change"}, c.Action) || !slices.Contains([]string{"gateway", "pool", "zone", "service", "real_server", "address", "uplink"}, c.Kind) {
			t.Errorf("a change reads %+v", c)
		}
	}
	return out
}

func wantKeys(t *testing.T, what string, m map[string]any, keys ...string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, slices.Sorted(slices.Values(keys))) {
		t.Errorf("%s has the keys %v, want %v", what, got, keys)
	}
}

// names tells which changes of a kind and action a report holds.
func (r report) names(action, kind string) string {
	var names []string
	for _, c := range r.Changes {
		if c.Action == action && c.Kind == kind {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestDiffReport(t *testing.T) {
	h := startGateway(t, "")
	r := diffJSON(t, h, small, 1)
	if z, s := r.names("add", "zone"), r.names("add", "service"); z != "guests lab office" || s != "dns web" {
		t.Errorf("to an empty kernel diff adds zones %q and services %q, want all of them", z, s)
	}
	if r.Elements.Add == 0 || r.Rules.Add == 0 || r.Elements.Delete != 0 || r.Rules.Delete != 0 {
		t.Errorf("to an empty kernel diff counts elements %+v and rules %+v", r.Elements, r.Rules)
	}
	apply(t, h, small)
	if r := diffJSON(t, h, small, 0); len(r.Changes) != 0 || r.Elements.Add+r.Elements.Delete+r.Rules.Add+r.Rules.Delete+r.FlowsEnded != 0 {
		t.Errorf("diff of what the kernel holds reports %+v", r)
	}
	if r := wantDiff(t, h, small, 0); strings.ContainsAny(r.Stdout, "~") || strings.Contains(r.Stdout, "\x1b") {
		t.Errorf("diff of what the kernel holds prints %q", r.Stdout)
	}

	noLab := strings.ReplaceAll(small, "  - {name: lab, from: 10.66.0.0/16, action: drop}\n", "")
	if r := diffJSON(t, h, noLab, 1); r.names("remove", "zone") != "lab" || r.names("add", "zone")+r.names("add", "service")+r.names("remove", "service") != "" {
		t.Errorf("without the zone lab diff reports %+v", r.Changes)
	}
	more := small + "  - {name: new, vip: 203.0.113.77, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}\n"
	r = diffJSON(t, h, more, 1)
	if r.names("add", "service") != "new" || r.names("remove", "service")+r.names("change", "zone")+r.names("remove", "zone") != "" {
		t.Errorf("with one more service diff reports %+v", r.Changes)
	}
	if r.Elements.Delete != 0 || r.Rules.Delete != 0 {
		t.Errorf("one more service deletes elements %d, rules %d", r.Elements.Delete, r.Rules.Delete)
	}
	text := wantDiff(t, h, more, 1).Stdout
	if !regexp.MustCompile(`(?m)^\s*\+.*\bnew\b`).MatchString(text) || strings.Contains(text, "\x1b") {
		t.Errorf("diff prints\n%s\nwant a line `+ … new …` and no colour", text)
	}
	// Nothing above has touched the kernel.
	wantDiff(t, h, small, 0)
}

// Whatever a hand does to the table shows in diff, and apply repairs it.
func TestDrift(t *testing.T) {
	h := startGateway(t, small)
	clean := list(t, h)
	for _, c := range []struct{ name, script string }{
		{"element deleted", "delete element inet snatctl MAP { KEY }"},
		{"element added", "add element inet snatctl MAP { OTHERKEY : VALUE }"},
		{"element changed", "delete element inet snatctl MAP { KEY }\nadd element inet snatctl MAP { KEY : OTHERVALUE }"},
		{"map flushed", "flush map inet snatctl MAP"},
		{"rule added", "add rule inet snatctl CHAIN ip saddr 10.9.9.9 drop"},
		{"rule inserted", "insert rule inet snatctl CHAIN accept"},
		{"rule deleted", "delete rule inet snatctl CHAIN handle HANDLE"},
		{"chain flushed", "flush chain inet snatctl CHAIN"},
		{"chain added", "add chain inet snatctl mine { type filter hook forward priority 5; }; add rule inet snatctl mine ip saddr 10.9.9.9 drop"},
		{"map added", "add map inet snatctl mine { type ipv4_addr : ipv4_addr; }; add element inet snatctl mine { 10.9.9.9 : 10.9.9.8 }"},
		{"set added and used", "add set inet snatctl mine { type ipv4_addr; }; add rule inet snatctl CHAIN ip saddr @mine drop"},
		{"table flushed", "flush table inet snatctl"},
		{"table deleted", "delete table inet snatctl"},
		{"table dormant", "add table inet snatctl { flags dormant; }"},
		{"table made anew and empty", "delete table inet snatctl; add table inet snatctl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			output(t, h, "nft", "flush", "ruleset")
			apply(t, h, small)
			nft(t, h, placeholders(t, h, c.script))
			drifted := list(t, h)
			if drifted == clean {
				t.Fatalf("%s changed nothing", c.script)
			}
			wantDiff(t, h, small, 1)
			diffJSON(t, h, small, 1)
			if list(t, h) != drifted {
				t.Error("diff has changed the ruleset")
			}
			apply(t, h, small)
			wantDiff(t, h, small, 0)
			if after := list(t, h); after != clean {
				t.Errorf("apply leaves\n%s\nwant\n%s", after, clean)
			}
		})
	}
	t.Run("foreign tables are no drift", func(t *testing.T) {
		output(t, h, "nft", "flush", "ruleset")
		apply(t, h, small)
		nft(t, h, "table inet other { chain c { type filter hook forward priority 9; ip saddr 10.9.9.9 drop; }; }")
		wantDiff(t, h, small, 0)
	})
}

// placeholders fills in a map with an element of the service web, two keys and two values
// for it, a base chain with a rule, and that rule's handle, from the table as it is listed.
func placeholders(t *testing.T, h *nstest.Host, script string) string {
	t.Helper()
	listing := output(t, h, "nft", "-a", "list", "table", "inet", "snatctl")
	var name, key, value, other, chain, rule string
	for block := range strings.SplitSeq(listing, "\n\t}") {
		if m := regexp.MustCompile(`map (\S+) \{`).FindStringSubmatch(block); m != nil {
			elem := regexp.MustCompile(`(203\.0\.113\.10 [^,{}:"]*?)(?: comment "[^"]*")? : ([^,}]+?)\s*(?:,|\})`).FindAllStringSubmatch(block, -1)
			for _, e := range elem {
				if name == "" || name == m[1] {
					name = m[1]
					if key == "" {
						key, value = strings.TrimSpace(e[1]), e[2]
					} else if other == "" && e[2] != value {
						other = e[2]
					}
				}
			}
			if other == "" {
				name, key = "", ""
			}
		}
		if m := regexp.MustCompile(`chain (\S+) \{ # handle \d+\n\t\ttype [^\n]*\n\t\t[^\n]* # handle (\d+)`).FindStringSubmatch(block); m != nil && chain == "" {
			chain, rule = m[1], m[2]
		}
	}
	if name == "" || chain == "" {
		t.Fatalf("no map with two elements of the service web, or no base chain with a rule, in:\n%s", listing)
	}
	return strings.NewReplacer("OTHERKEY", strings.Replace(key, "203.0.113.10", "203.0.113.222", 1), "OTHERVALUE", other,
		"MAP", name, "KEY", key, "VALUE", value, "CHAIN", chain, "HANDLE", rule).Replace(script)
}

package view

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// Kept is what the agent that holds a table knows, for reports. A nil one is that of no agent.
type Kept struct {
	Agent    agent.Snapshot
	Services map[string]agent.Service // by name
}

// server finds what is known of a real server; nil without an agent, and of what it does not know.
func (k *Kept) server(service string, at netip.AddrPort) *agent.Server {
	if k == nil {
		return nil
	}
	s := k.Services[service]
	return s.Server(at)
}

// statusRecord is the report of status with what an agent knows. Of no agent that is null.
type statusRecord struct {
	Services  []serviceRecord `json:"services"`
	Zones     []ct.ZoneReport `json:"zones"`
	Conntrack ct.Conntrack    `json:"conntrack"`
	Agent     *agentRecord    `json:"agent"`
}

type serviceRecord struct {
	ct.ServiceReport
	Servers []serverRecord `json:"real_servers"` // in place of ServiceReport's
	Quorum  *agent.Quorum  `json:"quorum"`
	Sorry   *bool          `json:"sorry"`
}

type serverRecord struct {
	ct.ServerReport
	Health     *string         `json:"health"`
	LastCheck  *time.Time      `json:"last_check"`
	LastChange *time.Time      `json:"last_change"`
	CheckError *string         `json:"check_error"`
	Override   *agent.Override `json:"override"`
}

type agentRecord struct {
	Hash        string    `json:"policy_hash"`
	AppliedAt   time.Time `json:"applied_at"`
	Repairs     uint64    `json:"drift_repairs"`
	PolicyError *string   `json:"policy_error"`
}

// StatusJSON prints the sums over all flows, and what an agent knows.
func StatusJSON(w io.Writer, p gateway.Survey, k *Kept) error {
	out := statusRecord{Services: make([]serviceRecord, len(p.Services)), Zones: p.Zones, Conntrack: p.Conntrack}
	if out.Zones == nil {
		out.Zones = []ct.ZoneReport{}
	}
	if k != nil {
		out.Agent = &agentRecord{k.Agent.Policy.Hash, k.Agent.Policy.AppliedAt.UTC(), k.Agent.Drift.Repairs, text(k.Agent.Policy.Error)}
	}
	for i, s := range p.Services {
		r := serviceRecord{ServiceReport: s, Servers: make([]serverRecord, len(s.Servers))}
		if k != nil {
			if known, ok := k.Services[s.Name]; ok {
				r.Quorum, r.Sorry = &known.Quorum, &known.Sorry
			}
		}
		for n, rs := range s.Servers {
			o := serverRecord{ServerReport: rs}
			if known := k.server(s.Name, netip.AddrPortFrom(rs.Address, rs.Port)); known != nil {
				o.Health, o.LastCheck, o.LastChange, o.CheckError, o.Override = &known.Health, moment(known.LastCheck), moment(known.LastChange), text(known.Error), known.Override
				o.Weight = known.Admin
			}
			r.Servers[n] = o
		}
		out.Services[i] = r
	}
	return JSON(w, out)
}

// text is null where there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment is null where it has not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// printKept says first what somebody who was woken has to know: what is down, since when, and why.
func printKept(w io.Writer, k *Kept, p gateway.Survey) {
	if k == nil {
		return
	}
	a := k.Agent
	fmt.Fprintf(w, "agent: policy %.12s in force since %s; drift repaired %s\n", a.Policy.Hash, when(a.Policy.AppliedAt), often(a.Drift.Repairs))
	if a.Policy.Error != "" {
		fmt.Fprintln(w, paintSeverity(ct.Critical, fmt.Sprintf("a newer policy is refused since %s: %s (`snatctl agent status`)", when(a.Policy.ErrorSince), plain.Text(a.Policy.Error))))
	}
	if len(a.Drift.Standing) > 0 {
		fmt.Fprintln(w, paintSeverity(ct.Warning, fmt.Sprintf("the table differs from the policy and is not repaired: %s (`snatctl agent status`)", plain.Count(len(a.Drift.Standing), "change"))))
	}
	for i := range p.Services {
		s, ok := k.Services[p.Services[i].Name]
		if !ok {
			continue
		}
		if text := s.Trouble(); text != "" {
			fmt.Fprintln(w, paintSeverity(ct.Critical, "service "+plain.Text(s.Name)+": "+text))
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Health == "down" || o.Out {
				fmt.Fprintln(w, paintSeverity(ct.Warning, fmt.Sprintf("down: service %s, real server %s: %s", plain.Text(s.Name), endpointText(o.Address), condition(o))))
			}
		}
	}
}

// condition says the health of a real server, and what an operator said of it.
func condition(o *agent.Server) string {
	text := ""
	if o.Health != agent.Disabled {
		text = healthText(*o)
	}
	if o.Override != nil {
		text = strings.TrimPrefix(text+"; "+Override(*o.Override), "; ")
	}
	return text
}

// often is how often something happened.
func often(n uint64) string {
	if n == 0 {
		return "never"
	}
	return times(n)
}

// Overridden names what makes a table differ from the policy without being a difference: real servers
// that are down, and those of which an operator said something.
func Overridden(w io.Writer, k *Kept) {
	if k == nil {
		return
	}
	var lines []string
	for _, s := range k.Services {
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Out || o.Override != nil {
				lines = append(lines, fmt.Sprintf("by the agent: service %s, real server %s: %s", plain.Text(s.Name), endpointText(o.Address), condition(o)))
			}
		}
	}
	slices.Sort(lines)
	for i, line := range lines {
		if i == mostChanges {
			fmt.Fprintf(w, "… and %d more (`snatctl status` lists all)\n", len(lines)-i)
			break
		}
		fmt.Fprintln(w, line)
	}
}

// Problems are what is wrong, as checks of monitoring systems know it.
func (k *Kept) Problems() (out []ct.Problem) {
	if k == nil {
		return nil
	}
	if e := k.Agent.Policy.Error; e != "" {
		out = append(out, ct.Problem{Severity: ct.Warning, Object: "agent", Text: "a newer policy is refused: " + e})
	}
	if n := len(k.Agent.Drift.Standing); n > 0 {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: "agent", Text: fmt.Sprintf("the table differs from the policy, and is not repaired: %s", plain.Count(n, "change"))})
	}
	for _, s := range k.Services {
		if text := s.Trouble(); text != "" {
			out = append(out, ct.Problem{Severity: ct.Critical, Object: "service " + s.Name, Text: text})
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Health == "down" && o.Override == nil {
				out = append(out, ct.Problem{Severity: ct.Warning, Object: "service " + s.Name, Text: "real server " + endpointText(o.Address) + " is " + condition(o)})
			}
		}
	}
	slices.SortFunc(out, func(a, b ct.Problem) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Text, b.Text))
	})
	return out
}

// mostNamed is how many real servers a summary names.
const mostNamed = 3

// Summary says in a line what is down and what an operator has said; empty if nothing is to be said.
func (k *Kept) Summary() string {
	if k == nil {
		return ""
	}
	var bad, names []string
	for _, s := range k.Services {
		if text := s.Trouble(); text != "" {
			bad = append(bad, "service "+plain.Text(s.Name)+": "+text)
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Out || o.Override != nil {
				state := "down"
				if o.Override != nil {
					state = Override(*o.Override)
				}
				names = append(names, plain.Text(s.Name)+"/"+endpointText(o.Address)+" "+state)
			}
		}
	}
	slices.Sort(bad)
	slices.Sort(names)
	all := append(bad, names...)
	if more := len(all) - mostNamed; more > 0 {
		all = append(all[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, " · ")
}

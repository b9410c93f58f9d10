package lint

import "github.com/snatctl/snatctl/policy"

// Clash is what the policy and another of snatctl's tables on the host both decide about.
type Clash struct {
	Table      string // the other one's name; the family is inet
	Kind, Name string // of the policy's object: "service", "web"
	Other      string // the other table's object: "service shop"
	What       string // "203.0.113.10 tcp/80", or "sources 10.1.0.0/16"
}

// siblingRule is about gateways with several policies, each with a table of its own.
func siblingRule() Rule {
	return Rule{
		Code: "H08", Severity: policy.Warning, Live: true, live: clashing,
		Needs: Needs{Facts: Siblings},
		Title: "Another policy on this host takes the same connections or translates the same sources.",
		Why: "With `gateway.table`, one host can have several policies. Their NAT chains have the same priorities, so the kernel asks the table that " +
			"was made first, and the other one never sees the connection. Which one that is changes with the next boot or apply. Give each VIP and port, " +
			"and each source, to one policy only.",
	}
}

func clashing(r *run, h Host) {
	at := make(map[string]policy.Pos)
	r.eachService(func(s *policy.Service, object string) { at[object] = s.Pos })
	r.eachZone(func(z *policy.Zone, object string) { at[object] = z.Pos })
	for _, c := range h.Clashes {
		object, verb := c.Kind+" "+c.Name, "translates"
		if c.Kind == "service" {
			verb = "takes"
		}
		where, ok := at[object]
		if !ok {
			where = r.gatewayAt("")
		}
		r.find(where, object, "see `snatctl status --table "+c.Table+"`; let one of the two policies have it",
			"%s of table %s on this host also %s %s", c.Other, c.Table, verb, c.What)
	}
}

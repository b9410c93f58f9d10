package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/words"
)

// Asked says which flows are asked for, as somebody wrote it. The zero value is all flows.
type Asked struct {
	Zone, Service, Laddr, RealServer string
	Client, Proto, State             string
	Past                             bool // only those that the policy does not explain any more
}

// Selection says which flows are meant: by their owner, and by what they are. Its zero value is all flows.
type Selection struct {
	filter ct.Filter
	client inet.Range // sources as they called
	proto  inet.Proto
	state  string
	past   bool
}

// Selection reads what was asked for. Errors begin with the name of what cannot be read: "laddr: …".
func (a *Asked) Selection() (s Selection, err error) {
	s.filter.Zone, s.filter.Service = a.Zone, a.Service
	s.state, s.past = strings.ToUpper(a.State), a.Past
	if a.Laddr != "" {
		if s.filter.Laddr, err = inet.ParseAddr(a.Laddr); err != nil {
			return s, fmt.Errorf("laddr: %w", err)
		}
	}
	if a.RealServer != "" {
		at, err := inet.ParseEndpoint(a.RealServer)
		if err != nil {
			return s, fmt.Errorf("real-server: %w", err)
		}
		s.filter.Server, s.filter.ServerPort = at.Addr(), at.Port()
	}
	if a.Client != "" {
		if s.client, err = inet.ParseRange(a.Client); err != nil {
			return s, fmt.Errorf("client: %w", err)
		}
	}
	if a.Proto != "" {
		if s.proto, err = inet.ParseAnyProto(a.Proto); err != nil {
			return s, fmt.Errorf("proto: %w", err)
		}
	}
	return s, nil
}

// Known returns an error if the table has no zone or service of the name that is asked for.
func (s *Selection) Known(b ct.Bindings) error {
	var services, zones []string
	for i := range b.Services {
		services = append(services, b.Services[i].Name)
	}
	for i := range b.Zones {
		zones = append(zones, b.Zones[i].Name)
	}
	switch f := &s.filter; {
	case f.Service != "" && !slices.Contains(services, f.Service):
		return Unknown("service", f.Service, services)
	case f.Zone != "" && !slices.Contains(zones, f.Zone):
		return Unknown("zone", f.Zone, zones)
	}
	return nil
}

// Unknown says that the table has no zone or service of a name, and which may be meant.
func Unknown(kind, name string, all []string) error {
	return fmt.Errorf("the table has no %s %q%s: `snatctl status --all` lists all", kind, name, words.DidYouMean(name, all))
}

// Match tells whether a flow is selected.
func (s *Selection) Match(f *ct.Flow, o *ct.Owner) bool {
	return s.filter.Match(f, o) &&
		(s.proto == 0 || s.proto == f.Orig.Proto) &&
		(!s.past || o.Past) &&
		(!s.client.From.IsValid() || s.client.Contains(f.Orig.Src.Addr())) &&
		(s.state == "" || s.state == f.State())
}

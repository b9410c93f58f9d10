package law

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Law is a policy and the machine that carries out what it was compiled to.
type Law struct {
	Policy  *policy.Policy
	Machine *Machine

	// Crowded says that there are more services than counters: then those that should take
	// turns may choose at random.
	Crowded bool
}

// ErrRefused is wrapped by New where loader or compiler refuse the policy: then there is
// nothing to agree about.
var ErrRefused = errors.New("the policy is refused")

// New loads and compiles a policy.
func New(yaml []byte) (*Law, error) {
	p, ds := Parse(yaml)
	if ds.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, ds.Err())
	}
	r, ds := compiler.Compile(p)
	if ds.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, ds.Err())
	}
	m, err := NewMachine(r)
	if err != nil {
		return nil, err
	}
	return &Law{Policy: p, Machine: m}, nil
}

// Check holds what the ruleset makes of a packet against what the policy means for it, then
// the same of a client's second connection, which must stay with its real server where the
// service is persistent.
func (l *Law) Check(pkt Packet) error {
	d := l.Policy.Decide(pkt.Packet)
	outcomes, err := l.Machine.Run(pkt, nil)
	if err != nil {
		return err
	}
	if outcomes, err = bounded(&d, pkt, outcomes); err != nil {
		return err
	}
	if err := agree(&d, pkt, outcomes); err != nil {
		return err
	}
	if err := l.proxied(&d, pkt, outcomes); err != nil {
		return err
	}
	if err := l.led(&d, pkt, outcomes); d.Verdict == policy.Accept && err != nil {
		return err
	}
	if err := l.fair(&d, pkt, outcomes); err != nil {
		return err
	}
	s := l.service(d.Service)
	chosen := make(map[netip.AddrPort]bool)
	for _, first := range outcomes {
		if chosen[first.DNAT] && d.Verdict == policy.Accept {
			continue // that real server had its turn, with another laddr
		}
		chosen[first.DNAT] = true
		if d.Verdict != policy.Accept || s == nil || s.Persistence.Timeout == 0 {
			if len(first.Entered) > 0 {
				return fmt.Errorf("the client is remembered as %q, but no persistent service decided", first.Entered)
			}
			continue
		}
		if err := l.persists(s, &d, pkt, first); err != nil {
			return err
		}
	}
	return nil
}

func (l *Law) service(name string) *policy.Service {
	for i := range l.Policy.Services {
		if s := &l.Policy.Services[i]; s.Name == name {
			return s
		}
	}
	return nil
}

// proxied tells where a SYN proxy answers that should not, or does not and should: it stands before
// all else that a service with real servers does.
func (l *Law) proxied(d *policy.Decision, pkt Packet, outcomes []Outcome) error {
	s := l.service(d.Service)
	want := s != nil && s.SynProxy.On && pkt.Proto == inet.TCP && !pkt.Self && !pkt.Invalid && len(s.Active(inet.FamilyOf(pkt.To.Addr()))) > 0
	for _, o := range outcomes {
		if o.Answered != want {
			return fmt.Errorf("answered by a SYN proxy: the policy says %v, the ruleset %v", want, o.Answered)
		}
	}
	return nil
}

// persists lets clients come that count as the first one, and some that do not.
func (l *Law) persists(s *policy.Service, d *policy.Decision, pkt Packet, first Outcome) error {
	bits := s.Persistence.Mask4
	if pkt.From.Addr().Is6() {
		bits = s.Persistence.Mask6
	}
	net, err := pkt.From.Addr().Prefix(bits)
	if err != nil {
		return err
	}
	r := inet.PrefixRange(net)
	for _, a := range []netip.Addr{pkt.From.Addr(), r.From, r.To, r.From.Prev(), r.To.Next()} {
		if !a.IsValid() {
			continue
		}
		again := pkt
		again.From = netip.AddrPortFrom(a, pkt.From.Port()+1)
		want := l.Policy.Decide(again.Packet)
		if r.Contains(a) && want.Verdict == policy.Accept && want.Service == d.Service {
			want.DNAT = []netip.AddrPort{first.DNAT}
		}
		outcomes, err := l.Machine.Run(again, first.Entered)
		if err == nil {
			outcomes, err = bounded(&want, again, outcomes)
		}
		if err == nil {
			err = agree(&want, again, outcomes)
		}
		if err != nil {
			return fmt.Errorf("after a connection from %s to %s, one from %s: %w", pkt.From.Addr(), first.DNAT, a, err)
		}
	}
	return nil
}

// agree tells where the outcomes are not what was decided.
func agree(d *policy.Decision, pkt Packet, outcomes []Outcome) error {
	var differ []string
	say := func(what string, policy, ruleset any) {
		differ = append(differ, fmt.Sprintf("%s: the policy says %v, the ruleset %v", what, policy, ruleset))
	}
	to := make(map[netip.AddrPort]bool)
	var from []inet.Range
	for _, o := range outcomes {
		if o.Verdict != d.Verdict {
			say("verdict", d.Verdict, o.Verdict)
			break
		}
		if o.Verdict == policy.Reject && o.Reset != (pkt.Proto == inet.TCP) {
			say("answer", "TCP reset for TCP alone", o.Reset)
			break
		}
		if service := o.service(); service != d.Service {
			say("service", orNone(d.Service), orNone(service))
			break
		}
		if d.Service == "" && o.Zone != d.Zone && !o.Untracked {
			say("zone", orNone(d.Zone), orNone(o.Zone))
			break
		}
		if o.Verdict != policy.Accept {
			continue
		}
		if want, got, same := lasts(d, pkt.Proto, o); !same && !o.Untracked {
			say("timeouts", want, got)
			break
		}
		if o.MSS != d.MSS && !o.Untracked {
			say("mss", d.MSS, o.MSS)
			break
		}
		to[o.to(pkt)] = true
		if o.SNAT.Family() != 0 {
			from = append(from, o.SNAT)
		}
		if o.Masquerade != d.Masquerade || (o.SNAT.Family() != 0) != (len(d.SNAT) > 0) {
			say("source", d.Source(), o.source())
			break
		}
		if o.Helper != d.Helper && !o.Untracked {
			say("helper", orNone(d.Helper), orNone(o.Helper))
			break
		}
		if o.SNATPorts != d.SNATPorts {
			say("source ports", d.SNATPorts, o.SNATPorts)
			break
		}
	}
	if len(differ) == 0 && d.Verdict == policy.Accept {
		want := make(map[netip.AddrPort]bool)
		for _, a := range d.DNAT {
			want[a] = true
		}
		if len(d.DNAT) == 0 {
			want[pkt.To] = true
		}
		if got, want := sorted(to), sorted(want); !slices.Equal(got, want) {
			say("destinations", want, got)
		}
		if got, want := inet.Merge(from), inet.Merge(d.SNAT); !slices.Equal(got, want) {
			say("sources", want, got)
		}
	}
	if len(differ) > 0 {
		return errors.New(strings.Join(differ, "; "))
	}
	return nil
}

// service returns the service that decided: none where it let the connection pass.
func (o *Outcome) service() string {
	if o.Passed {
		return ""
	}
	return o.Service
}

// Summary says in a line what all outcomes are.
func Summary(outcomes []Outcome) string {
	var words []string
	var from []inet.Range
	for _, o := range outcomes {
		word := string(o.Verdict)
		if o.DNAT.IsValid() {
			word += " to " + o.DNAT.String()
		}
		if o.Masquerade {
			word += " masqueraded"
		}
		if o.SNAT.Family() != 0 {
			word += " from a laddr"
			if !o.SNATPorts.IsZero() {
				word += ":" + o.SNATPorts.String()
			}
			from = append(from, o.SNAT)
		}
		if o.service() != "" {
			word += " by service " + o.service()
		} else if o.Zone != "" {
			word += " by zone " + o.Zone
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	text := strings.Join(words, ", or ")
	if len(from) > 0 {
		text += fmt.Sprintf("; the laddrs are %v", inet.Merge(from))
	}
	return text
}

func (o *Outcome) source() string {
	switch {
	case o.Masquerade:
		return "masquerade"
	case o.SNAT.Family() == 0:
		return "none"
	}
	return o.SNAT.String()
}

// to returns where the packet goes.
func (o *Outcome) to(pkt Packet) netip.AddrPort {
	if o.DNAT.IsValid() {
		return o.DNAT
	}
	return pkt.To
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func sorted(set map[netip.AddrPort]bool) []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(set))
	for a := range set {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return out
}

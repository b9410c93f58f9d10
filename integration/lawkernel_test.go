package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/law"
	"github.com/snatctl/snatctl/internal/nstest"
	nftables "github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
)

// TestLawKernel sends packets through made-up policies and reads from the kernel's flow
// table what became of them: it must be what policy.Decide says. TestLaw in internal/law
// holds Decide against the compiled ruleset; here the kernel has its say. LAW_SEEDS chooses
// other policies.
func TestLawKernel(t *testing.T) {
	t.Parallel()
	from, to := lawSeeds(t, 200, 20)
	k := newKernel(t)
	start, failures := time.Now(), 0
	for seed := from; seed < to && failures < 10; seed++ {
		yaml, _ := law.Policy(rand.New(rand.NewPCG(seed, 0)))
		yaml = law.WithoutSynProxy(yaml)
		if err := k.try(t, yaml, rand.New(rand.NewPCG(seed, 2))); err != nil {
			failures++
			t.Errorf("LAW_SEEDS=%d: %v\n%s", seed, err, yaml)
		}
	}
	t.Logf("%d policies, %d packets (%d flows, %d of them clients that came again, %d refused with an answer, %d in silence, %d that may or may not find a port, %d of no connection, %d of which passed) in %s",
		to-from, k.sent, k.flows, k.stayed, k.answered, k.silent, k.crowded, k.stray, k.strayed, time.Since(start).Round(time.Millisecond))
	if to-from >= 20 && (k.flows == 0 || k.answered == 0 || k.silent == 0 || k.stayed == 0 || k.strayed == 0 || to-from >= 60 && k.strayed == k.stray) {
		t.Error("some outcome never came")
	}
}

// lawSeeds returns the seeds of policies to try: all from 0 up to a number, a smaller one in
// short mode, or those that LAW_SEEDS names.
func lawSeeds(t *testing.T, most, short uint64) (from, to uint64) {
	t.Helper()
	if v := os.Getenv("LAW_SEEDS"); v != "" {
		from, to, err := law.ParseSeeds(v)
		must(t, err)
		return from, to
	}
	if testing.Short() {
		return 0, short
	}
	return 0, most
}

// lawInterfaces are the gateway's. The law's policies name most of them.
var lawInterfaces = []string{"wan0", "wan1", "ppp0", "ppp", "p0", "lan0", "lan1", "eth9", "fifteen-letters", "fifteen-letter"}

// packetsPerPolicy is how many packets are sent before the flow table is read.
const packetsPerPolicy = 20

// kernel is a gateway under test.
type kernel struct {
	*nstest.Wires
	conn *nftlink.Conn
	port uint16 // of the last packet: each has its own

	sent, flows, answered, silent, crowded, stayed int
	stray                                          int // belonged to no connection; of them
	strayed                                        int // passed
}

func newKernel(t *testing.T) *kernel {
	nstest.Require(t)
	k := &kernel{Wires: nstest.NewWires(t, lawInterfaces...), port: 10000}
	must(t, k.Gateway.Do(func() (err error) {
		k.conn, err = nftlink.Open()
		return err
	}))
	t.Cleanup(func() { k.conn.Close() })
	nft(t, k.Gateway, lawMarks)
	return k
}

// lawMarks is a table of others that marks packets by their source port, which each packet has of its own.
const lawMarks = `
table inet marks-of-others {
	map marks {
		type inet_service : mark
	}
	chain entering {
		type filter hook prerouting priority -150
		meta l4proto { tcp, udp, sctp } meta mark set th sport map @marks
	}
	chain own {
		type filter hook output priority -150
		meta l4proto { tcp, udp, sctp } meta mark set th sport map @marks
	}
}`

// mark has the marks of packets given to them.
func (k *kernel) mark(ctx context.Context, shots []*shot) error {
	script := "flush map inet marks-of-others marks\n"
	for _, s := range shots {
		if s.Mark != 0 && s.Proto.HasPorts() {
			script += fmt.Sprintf("add element inet marks-of-others marks { %d : 0x%x }\n", s.From.Port(), s.Mark)
		}
	}
	r, err := k.Gateway.RunInput(ctx, script, "nft", "-f", "-")
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("nft: %s", r.Stderr)
	}
	return err
}

// shot is a packet, what the policy says about it, and what came back.
type shot struct {
	law.Packet
	policy.Decision
	answer string // "", "reset" or "unreachable"
	passed bool   // it came out as it went in
	first  *shot  // the same client's first connection to a persistent service
	went   netip.AddrPort
}

// try applies a policy, sends packets, and compares.
func (k *kernel) try(t *testing.T, yaml []byte, r *rand.Rand) error {
	ctx := context.Background()
	p, ds := law.Parse(yaml)
	must(t, ds.Err())
	loosen(p)
	want, ds := compiler.Compile(p)
	must(t, ds.Err())
	if err := k.apply(ctx, want); err != nil {
		return err
	}
	return k.check(t, p, r)
}

// loosen makes all limits so large that none of these packets reaches one: what a packet alone tells is tried here, and
// limits count what others did before.
func loosen(p *policy.Policy) {
	loose := func(l *policy.Limits) {
		if l.Connections > 0 {
			l.Connections = 100000
		}
		if l.PerClient > 0 {
			l.PerClient = 10000
		}
		if l.New.Count > 0 {
			l.Burst = 65535
		}
	}
	for i := range p.Services {
		loose(&p.Services[i].Limits)
	}
	for i := range p.Zones {
		loose(&p.Zones[i].Limits)
	}
}

// check sends packets through the table of a policy, and compares.
func (k *kernel) check(t *testing.T, p *policy.Policy, r *rand.Rand) error {
	ctx := context.Background()
	must(t, k.Gateway.FlushFlows(ctx))
	shots, err := k.shoot(p, r)
	must(t, err)
	var wrong error
	for deadline := time.Now().Add(nstest.Patience); ; time.Sleep(20 * time.Millisecond) {
		must(t, k.listen(shots, 0))
		flows, err := k.Gateway.Flows(ctx)
		must(t, err)
		if wrong = k.judge(shots, flows); wrong == nil || time.Now().After(deadline) {
			break
		}
	}
	if wrong != nil {
		return fmt.Errorf("%w\n%s", wrong, list(t, k.Gateway))
	}
	k.count(shots)
	return nil
}

// apply goes from the last policy to the next by the difference of the two. Clients that the
// last one remembered are not for the next, so then the table is made anew.
func (k *kernel) apply(ctx context.Context, want *nftables.Ruleset) error {
	live, gen, err := k.conn.Read(ctx, want.Table)
	if err != nil {
		return err
	}
	if live != nil && slices.ContainsFunc(live.Sets, func(s *nftables.Set) bool { return s.Dynamic }) {
		if _, err := k.conn.Delete(ctx, want.Table); err != nil {
			return err
		}
		live, gen = nil, 0
	}
	formed, err := wire.Forms(want)
	if err != nil {
		return err
	}
	return k.conn.Apply(ctx, nftables.Diff(live, formed), gen)
}

// shoot sends packets, and then one that the gateway itself answers: when the answer is
// there, so is all that the others drew.
func (k *kernel) shoot(p *policy.Policy, r *rand.Rand) (shots []*shot, err error) {
	left := make(map[netip.Addr]string) // where packets to an address leave
	others := false
	for _, pkt := range law.Packets(r, p, 4*packetsPerPolicy) {
		if len(shots) == packetsPerPolicy {
			break
		}
		if !k.possible(&pkt, r) || others && pkt.Proto == 253 {
			continue
		}
		// Nothing but its addresses tells one packet of an unknown protocol from another.
		others = others || pkt.Proto == 253
		if left[pkt.To.Addr()] == "" {
			left[pkt.To.Addr()] = pkt.OIf
		}
		pkt.OIf = left[pkt.To.Addr()]
		if err := k.Route(pkt.To.Addr(), pkt.OIf); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
		shots = append(shots, &shot{Packet: pkt, Decision: p.Decide(pkt.Packet)})
	}
	shots = append(shots, k.again(p, shots)...)
	if err := k.mark(context.Background(), shots); err != nil {
		return nil, err
	}
	for _, s := range shots {
		raw := nstest.Craft(int(s.Proto), s.From, s.To)
		if s.Invalid {
			raw = nstest.CraftFIN(s.From, s.To)
		}
		if s.Self {
			err = k.SendSelf(raw)
		} else {
			err = k.Send(s.IIf, raw)
		}
		if err != nil {
			return nil, fmt.Errorf("send %s: %w", s.Packet, err)
		}
	}
	k.sent += len(shots)
	wan := lawInterfaces[0]
	ping := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.200"), 1)
	if err := k.Send(wan, nstest.Craft(unix.IPPROTO_ICMP, ping, netip.AddrPortFrom(k.Addr(wan, false), 0))); err != nil {
		return nil, err
	}
	return shots, k.listen(shots, nstest.Patience)
}

// again lets clients of persistent services come a second time, after all others have come
// once. Then only one real server is right, which judge learns from the first flow.
func (k *kernel) again(p *policy.Policy, shots []*shot) (more []*shot) {
	for _, s := range shots {
		i := slices.IndexFunc(p.Services, func(x policy.Service) bool { return x.Name == s.Service })
		if s.Verdict != policy.Accept || i < 0 || p.Services[i].Persistence.Timeout == 0 || crowded(&s.Decision) {
			continue
		}
		pkt := s.Packet
		if k.port++; k.port == 60000 {
			k.port = 10001
		}
		pkt.From = netip.AddrPortFrom(pkt.From.Addr(), k.port)
		more = append(more, &shot{Packet: pkt, Decision: p.Decide(pkt.Packet), first: s})
	}
	return more
}

// possible makes of a packet one that can be sent, or says that there is none.
func (k *kernel) possible(pkt *law.Packet, r *rand.Rand) bool {
	v6 := pkt.From.Addr().Is6()
	known := func(name string) string {
		if slices.Contains(lawInterfaces, name) {
			return name
		}
		return lawInterfaces[r.IntN(len(lawInterfaces))]
	}
	pkt.OIf = known(pkt.OIf)
	pkt.Invalid = pkt.Invalid && pkt.Proto == inet.TCP
	if k.port++; k.port == 60000 {
		k.port = 10001
	}
	from, port := pkt.From.Addr(), k.port
	if pkt.Self {
		from = k.Addr(pkt.OIf, v6)
	} else {
		pkt.IIf = known(pkt.IIf)
	}
	switch {
	case pkt.Proto == 47: // the kernel looks into GRE
		pkt.Proto = 253
	case pkt.Proto == inet.ICMP && v6:
		pkt.Proto = inet.ICMPv6
	case pkt.Proto == inet.ICMPv6 && !v6:
		pkt.Proto = inet.ICMP
	}
	if pkt.Proto == 253 {
		port = 0
	}
	pkt.From = netip.AddrPortFrom(from, port)
	return (pkt.Self || routable(from)) && routable(pkt.To.Addr())
}

// routable leaves out what the kernel routes to nowhere, and the gateway's own addresses.
func routable(a netip.Addr) bool {
	for _, r := range []string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.2.0/24", "224.0.0.0/3", "fd0a::/64"} {
		if netip.MustParsePrefix(r).Contains(a) {
			return false
		}
	}
	return a.Is4() || netip.MustParsePrefix("2000::/3").Contains(a) || netip.MustParsePrefix("fc00::/7").Contains(a)
}

// listen takes what the gateway sent, up to its answer to the last packet, and notes which
// packets were refused with an answer.
func (k *kernel) listen(shots []*shot, limit time.Duration) error {
	for {
		_, b, err := k.Receive(limit)
		if err != nil || b == nil {
			if err == nil && limit > 0 {
				err = fmt.Errorf("the gateway answers no ping")
			}
			return err
		}
		proto, from, to, payload, ok := dissect(b)
		if !ok {
			continue
		}
		switch {
		case proto == unix.IPPROTO_ICMP && payload[0] == 0 && from.Addr() == k.Addr(lawInterfaces[0], false):
			return nil
		case proto == unix.IPPROTO_TCP && payload[13]&4 != 0: // RST
			note(shots, proto, to, from, "reset")
		case proto == unix.IPPROTO_ICMP && payload[0] == 3 && payload[1] == 3, proto == unix.IPPROTO_ICMPV6 && payload[0] == 1 && payload[1] == 4:
			if proto, from, to, _, ok := dissect(payload[8:]); ok {
				note(shots, proto, from, to, "unreachable")
			}
		default:
			for _, s := range shots {
				s.passed = s.passed || int(s.Proto) == proto && s.From == from && s.To == to
			}
		}
	}
}

func note(shots []*shot, proto int, from, to netip.AddrPort, answer string) {
	for _, s := range shots {
		if int(s.Proto) == proto && s.From == from && (s.To == to || !s.Proto.HasPorts() && s.To.Addr() == to.Addr()) {
			s.answer = answer
		}
	}
}

// dissect takes an IP packet apart. The source port of an echo request is its number.
func dissect(b []byte) (proto int, from, to netip.AddrPort, payload []byte, ok bool) {
	var src, dst netip.Addr
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && len(b) >= int(b[0]&15)*4:
		src, dst, proto, payload = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), int(b[9]), b[int(b[0]&15)*4:]
	case len(b) >= 40 && b[0]>>4 == 6:
		src, dst, proto, payload = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), int(b[6]), b[40:]
	default:
		return 0, from, to, nil, false
	}
	if len(payload) < 4 {
		return 0, from, to, nil, false
	}
	var sport, dport uint16
	switch {
	case inet.Proto(proto).HasPorts():
		sport, dport = binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	case proto == unix.IPPROTO_ICMP && payload[0] == 8, proto == unix.IPPROTO_ICMPV6 && payload[0] == 128:
		if len(payload) < 8 {
			return 0, from, to, nil, false
		}
		sport = binary.BigEndian.Uint16(payload[4:])
	}
	ok = proto != unix.IPPROTO_TCP || len(payload) >= 14
	ok = ok && (proto != unix.IPPROTO_ICMP && proto != unix.IPPROTO_ICMPV6 || len(payload) >= 8)
	return proto, netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport), payload, ok
}

var echoID = regexp.MustCompile(`\bid=(\d+)`)

// judge holds flows and answers against what was decided.
func (k *kernel) judge(shots []*shot, flows []nstest.Flow) error {
	byStart := make(map[string]nstest.Flow)
	for _, f := range flows {
		if m := echoID.FindStringSubmatch(f.Raw); m != nil {
			id, _ := strconv.Atoi(m[1])
			f.Orig.Src = netip.AddrPortFrom(f.Orig.Src.Addr(), uint16(id))
		}
		byStart[f.Proto+" "+f.Orig.String()] = f
	}
	for _, s := range shots {
		name := s.Proto.String()
		if s.Proto == 253 {
			name = "unknown"
		}
		f, found := byStart[name+" "+nstest.Tuple{Src: s.From, Dst: s.To}.String()]
		if why := k.differs(s, f, found); why != "" {
			return fmt.Errorf("%s: %s\nthe policy decides: %s, service %q, zone %q, to %v, from %v (%s)\nthe kernel: %q, answer %q",
				s.Packet, why, s.Verdict, s.Service, s.Zone, s.DNAT, s.Source(), s.Reason, f.Raw, s.answer)
		}
	}
	return nil
}

// differs says how the kernel's answer is another than the policy's.
func (k *kernel) differs(s *shot, f nstest.Flow, found bool) string {
	d := &s.Decision
	if d.Verdict != policy.Accept {
		answer := ""
		if d.Verdict == policy.Reject && !s.Self { // the gateway's own sees its answer on lo
			answer = "unreachable"
			if s.Proto == inet.TCP {
				answer = "reset"
			}
		}
		switch {
		case found:
			return fmt.Sprintf("%s, but there is a flow", d.Verdict)
		case s.passed:
			return fmt.Sprintf("%s, but it passed", d.Verdict)
		case s.answer != answer && !s.Self:
			return fmt.Sprintf("%s, but the answer is another", d.Verdict)
		}
		return ""
	}
	switch {
	case s.Invalid && found:
		return "it belongs to no connection, but there is a flow"
	case s.Invalid && !s.passed:
		return "accept, but it did not pass"
	case s.Invalid:
		return ""
	case !found && crowded(d):
		return ""
	case !found && s.passed && s.answer == "" && s.untranslated():
		return "" // a table that asks for no flows leaves connection tracking off
	case !found:
		return "accept, but there is no flow"
	case s.answer != "":
		return "accept, but refused"
	}
	to, from := f.Reply.Src, f.Reply.Dst
	if s.Proto == inet.ICMP || s.Proto == inet.ICMPv6 {
		from = netip.AddrPortFrom(from.Addr(), s.From.Port())
	}
	if s.went = to; s.first != nil && to != s.first.went {
		return fmt.Sprintf("went to %s, the client's first connection to %s", to, s.first.went)
	}
	if len(d.DNAT) == 0 && to != s.To || len(d.DNAT) > 0 && !slices.Contains(d.DNAT, to) {
		return fmt.Sprintf("went to %s", to)
	}
	switch {
	case d.Masquerade:
		oif := s.OIf
		if d.Service != "" {
			oif = k.Leads(to.Addr()) // by hairpin: where its real server is
		}
		if want := k.Addr(oif, from.Addr().Is6()); from.Addr() != want {
			return fmt.Sprintf("came from %s, masquerade wants %s", from, want)
		}
	case len(d.SNAT) == 0 && from != s.From:
		return fmt.Sprintf("came from %s", from)
	case len(d.SNAT) > 0 && !slices.ContainsFunc(d.SNAT, func(r inet.Range) bool { return r.Contains(from.Addr()) }):
		return fmt.Sprintf("came from %s", from)
	case len(d.SNAT) > 0 && !d.SNATPorts.IsZero() && !d.SNATPorts.Contains(from.Port()):
		return fmt.Sprintf("came from %s, with a wrong port", from)
	}
	return ""
}

// untranslated tells whether the packet keeps both addresses.
func (s *shot) untranslated() bool { return len(s.DNAT) == 0 && len(s.SNAT) == 0 && !s.Masquerade }

// crowded tells whether other packets may have taken all ports of a laddr.
func crowded(d *policy.Decision) bool {
	return !d.SNATPorts.IsZero() && d.SNATPorts.Len() < 4*packetsPerPolicy
}

func (k *kernel) count(shots []*shot) {
	for _, s := range shots {
		if s.first != nil {
			k.stayed++
		}
		switch {
		case s.Invalid:
			k.stray++
			if s.passed {
				k.strayed++
			}
		case s.Verdict == policy.Accept && crowded(&s.Decision):
			k.crowded++
		case s.Verdict == policy.Accept:
			k.flows++
		case s.answer != "":
			k.answered++
		default:
			k.silent++
		}
	}
}

// TestCraft holds that what a wire carries in comes out of the gateway byte for byte, but for
// the hop that it took.
func TestCraft(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	for _, to := range []string{"8.8.8.8:53", "[2001:db8:8::8]:53"} {
		dst := netip.MustParseAddrPort(to)
		src := netip.MustParseAddrPort("10.0.0.1:1024")
		if dst.Addr().Is6() {
			src = netip.MustParseAddrPort("[fd00::1]:1024")
		}
		must(t, k.Route(dst.Addr(), "wan1"))
		for _, proto := range []int{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, 253} {
			raw := nstest.Craft(proto, src, dst)
			must(t, k.Send("lan0", raw))
			name, got, err := k.Receive(nstest.Patience)
			for ; err == nil && got != nil; name, got, err = k.Receive(nstest.Patience) {
				if _, _, to, _, ok := dissect(got); ok && to.Addr() == dst.Addr() {
					break // no word of the gateway to its neighbours
				}
			}
			must(t, err)
			if len(raw) != len(got) || name != "wan1" || !bytes.Equal(raw[20:], got[20:]) {
				t.Errorf("protocol %d: sent %x, %s got %x", proto, raw, name, got)
			}
		}
	}
}

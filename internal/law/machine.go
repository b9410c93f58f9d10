package law

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Machine carries out a ruleset the way the kernel does, on the first packet of a
// connection. Where the kernel chooses (numgen, jhash), it takes every choice in turn. It is
// not safe for concurrent use.
type Machine struct {
	chains  map[string]*nft.Chain
	sets    map[string]*lookup
	objects map[nft.Ref]nft.Object
	hooks   map[nft.Point][]*nft.Chain // base chains by hook, in the order of their priorities
	tracks  bool                       // a rule makes the kernel switch connection tracking on
}

// Outcome is one thing that can become of a packet.
type Outcome struct {
	Verdict policy.Action  // Accept, Drop or Reject
	Reset   bool           // of Reject: answered by a TCP reset
	DNAT    netip.AddrPort // zero: untranslated

	SNAT       inet.Range     // the kernel's choice lies in it; zero: untranslated, unless Masquerade
	SNATPorts  inet.PortRange // source ports that SNAT may use; zero: the kernel's choice
	Masquerade bool
	Random     bool // fully-random
	Persistent bool // the source alone chooses in the range

	ToBy, FromBy Choice // how they were chosen

	Answered  bool // a SYN proxy completed the handshake first
	Untracked bool // chains of type nat were not asked: the kernel tracks no flows

	Service              string          // the service whose element was hit
	Passed               bool            // that element accepted: the service lets pass what it cannot place
	Zone                 string          // the zone that did something last
	Helper               string          // of the kernel, that reads the connection: the object's name
	Entered              []Entry         // what the packet entered into dynamic maps
	MSS                  policy.MSS      // how large segments may be
	PacketMark, FlowMark uint32          // as they leave
	After                []time.Duration // the flow's timeouts by state; nil: the kernel's
	Bounds               []string        // the limits that were asked, and not reached but for the last
	Beyond               string          // the limit that was reached; empty: none
}

// Entry is an element that a rule entered into a dynamic map.
type Entry struct{ Map, Key, Data string }

// NewMachine returns a machine that carries out a ruleset, which must not change any more.
func NewMachine(r *nft.Ruleset) (*Machine, error) {
	m := &Machine{chains: make(map[string]*nft.Chain), sets: make(map[string]*lookup), hooks: make(map[nft.Point][]*nft.Chain), objects: make(map[nft.Ref]nft.Object)}
	for _, o := range r.Objects {
		if m.objects[o.Ref()] != nil {
			return nil, fmt.Errorf("two objects are called %s", o.Ref())
		}
		m.objects[o.Ref()] = o
	}
	for _, c := range r.Chains {
		if m.chains[c.Name] != nil {
			return nil, fmt.Errorf("two chains are called %s", c.Name)
		}
		m.chains[c.Name] = c
		if c.Hook != nil {
			m.hooks[c.Hook.Point] = append(m.hooks[c.Hook.Point], c)
		}
	}
	for _, base := range m.hooks {
		slices.SortStableFunc(base, func(a, b *nft.Chain) int { return cmp.Compare(a.Hook.Priority, b.Hook.Priority) })
	}
	m.tracks = tracks(r)
	for _, s := range r.Sets {
		if m.sets[s.Name] != nil {
			return nil, fmt.Errorf("two sets are called %s", s.Name)
		}
		t, err := newLookup(s)
		if err != nil {
			return nil, err
		}
		m.sets[s.Name] = t
	}
	return m, m.validate()
}

// Run returns all that can become of a packet, with what earlier packets have entered into
// dynamic maps. An error says that the kernel would refuse or misread the ruleset.
func (m *Machine) Run(pkt Packet, entered []Entry) (outcomes []Outcome, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case fault:
			outcomes, err = nil, r
		default:
			panic(r)
		}
	}()
	var dice choices
	for more := true; more; more = dice.next() {
		if len(outcomes) > 1<<16 {
			return nil, fault("there is no end of outcomes")
		}
		w := walk{machine: m, dice: &dice, entered: entered, pkt: pkt, from: pkt.From, to: pkt.To, family: inet.FamilyOf(pkt.From.Addr())}
		w.run()
		outcomes = append(outcomes, w.out)
	}
	return outcomes, nil
}

// fault is what the kernel would refuse, or a rule that reads what is not there.
type fault string

func (f fault) Error() string { return string(f) }

func fail(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

// choices takes every sequence of choices in turn: after each run, next turns the last one.
type choices struct {
	taken, of []int
	at        int
}

func (c *choices) pick(n int) int {
	if c.at == len(c.taken) {
		c.taken, c.of = append(c.taken, 0), append(c.of, n)
	}
	c.at++
	return c.taken[c.at-1]
}

func (c *choices) next() bool {
	c.at = 0
	for n := len(c.taken); n > 0; n-- {
		if c.taken[n-1]++; c.taken[n-1] < c.of[n-1] {
			return true
		}
		c.taken, c.of = c.taken[:n-1], c.of[:n-1]
	}
	return false
}

// deepest is how deep jumps may nest (NFT_JUMP_STACK_SIZE in net/netfilter/nf_tables_core.c).
const deepest = 16

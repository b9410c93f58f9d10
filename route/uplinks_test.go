package route

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// twoUplinks is a policy with an uplink of both families and one without a router, and a host for it.
func twoUplinks() (*policy.Policy, Facts) {
	p := &policy.Policy{Gateway: policy.DefaultGateway()}
	p.Gateway.Routed = []policy.Uplink{
		{Name: "isp1", Interface: "wan0", Gateways: addrs("192.0.2.1", "fe80::1")},
		{Name: "isp2", Interface: "wan1", Gateways: addrs("198.18.1.1")},
	}
	return p, Facts{V6: true, Up: []string{"wan0", "wan1"}, Up6: []string{"wan0"}, Strict: []Loose{{"wan1", 1}, {"lan0", 1}},
		Own: own("wan0 192.0.2.2", "wan0 fe80::2", "wan0 2001:db8:2::2", "wan1 198.18.1.2", "lan0 10.1.0.1")}
}

func tellAll(p Plan, n Names) string {
	var b strings.Builder
	for _, c := range p.Changes(n) {
		fmt.Fprintf(&b, "%c %d %s\n", "+-~"[c.Action], c.Of, c)
	}
	return b.String()
}

func TestWantUplinks(t *testing.T) {
	p, f := twoUplinks()
	want, err := Want(p, f)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, o := range Diff(State{}, want) {
		fmt.Fprintln(&got, o)
	}
	if got.String() != `+ net.ipv4.conf.wan1.rp_filter=2
+ default via 198.18.1.1 dev wan1 onlink table 20067
+ unreachable default table 20067
+ default via 192.0.2.1 dev wan0 onlink table 20086
+ unreachable default table 20086
+ ::/0 via fe80::1 dev wan0 onlink table 20086
+ unreachable ::/0 table 20086
+ rule 20000: fwmark 0xc4000000/0xff000000 lookup 20067
+ rule 20000: fwmark 0xd7000000/0xff000000 lookup 20086
+ rule 20002: fwmark 0x44000000/0x7f000000 lookup 20067
+ rule 20002: fwmark 0x57000000/0x7f000000 lookup 20086
+ rule -6 20000: fwmark 0xd7000000/0xff000000 lookup 20086
+ rule -6 20002: fwmark 0x57000000/0x7f000000 lookup 20086
+ rule 20001: from 192.0.2.2 lookup main suppress_prefixlength 0
+ rule 20001: from 198.18.1.2 lookup main suppress_prefixlength 0
+ rule 20001: oif wan0 lookup main suppress_prefixlength 0
+ rule 20001: oif wan1 lookup main suppress_prefixlength 0
+ rule 20001: not fwmark 0/0x7f000000 lookup main suppress_prefixlength 0
+ rule -6 20001: from 2001:db8:2::2 lookup main suppress_prefixlength 0
+ rule -6 20001: oif wan0 lookup main suppress_prefixlength 0
+ rule -6 20001: not fwmark 0/0x7f000000 lookup main suppress_prefixlength 0
+ rule 20002: from 198.18.1.2 lookup 20067
+ rule 20002: oif wan1 lookup 20067
+ rule 20002: from 192.0.2.2 lookup 20086
+ rule 20002: oif wan0 lookup 20086
+ rule -6 20002: from 2001:db8:2::2 lookup 20086
+ rule -6 20002: oif wan0 lookup 20086
` {
		t.Errorf("it wants\n%s", got.String())
	}
	if told := tellAll(Diff(State{}, want), NamesOf(p)); told != `~ 1 isp2: rp_filter of wan1 is 2: answers may come from where the table main does not lead
+ 1 isp2: table 20067: default via 198.18.1.1 dev wan1 onlink, unreachable default
+ 1 isp1: table 20086: default via 192.0.2.1 dev wan0 onlink, unreachable default, ::/0 via fe80::1 dev wan0 onlink, unreachable ::/0
+ 1 isp2: ip rules to table 20067: 20000 fwmark 0xc4000000/0xff000000, 20002 fwmark 0x44000000/0x7f000000, 20002 from 198.18.1.2, 20002 oif wan1
+ 1 isp1: ip rules to table 20086: 20000 fwmark 0xd7000000/0xff000000, 20002 fwmark 0x57000000/0x7f000000, -6 20000 fwmark 0xd7000000/0xff000000, -6 20002 fwmark 0x57000000/0x7f000000, 20002 from 192.0.2.2, 20002 oif wan0, -6 20002 from 2001:db8:2::2, -6 20002 oif wan0
+ 2 ip rules 20001, by which routes of main that are no default routes come first: from 192.0.2.2, from 198.18.1.2, oif wan0, oif wan1, not fwmark 0/0x7f000000, -6 from 2001:db8:2::2, -6 oif wan0, -6 not fwmark 0/0x7f000000
` {
		t.Errorf("it tells\n%s", told)
	}
	if left := Diff(want, want); len(left) != 1 { // a host never has what it is to be made less strict
		t.Errorf("what is wanted differs from itself: %v", left)
	}
	// An interface that is down has no route, and so what is marked for it is unreachable.
	f.Up, f.Strict = []string{"wan0"}, nil
	p.Gateway.Routed[0].Gateways = addrs("192.0.2.254", "fe80::1")
	less, err := Want(p, f)
	if err != nil {
		t.Fatal(err)
	}
	want.Loose = nil
	there := Diff(want, less)
	if told := tellAll(there, NamesOf(p)); told != `~ 1 isp1: table 20086: default via 192.0.2.254 dev wan0 onlink (was default via 192.0.2.1 dev wan0 onlink)
- 1 isp2: table 20067: default via 198.18.1.1 dev wan1 onlink
` {
		t.Errorf("it tells\n%s", told)
	}
	if told := tellAll(there.Inverse(), Names{}); told != `+ 1 of table 20067: table 20067: default via 198.18.1.1 dev wan1 onlink
~ 1 of table 20086: table 20086: default via 192.0.2.1 dev wan0 onlink (was default via 192.0.2.254 dev wan0 onlink)
` {
		t.Errorf("the way back tells\n%s", told)
	}
}

func TestWantUplinksNot(t *testing.T) {
	p, f := twoUplinks()
	f.Taken = []int{19999, 20100}
	if _, err := Want(p, f); err != nil {
		t.Error(err)
	}
	f.Taken = []int{20042}
	if _, err := Want(p, f); !errors.Is(err, ErrTables) {
		t.Errorf("another policy has table 20042: %v", err)
	}
	f.Taken, f.V6, p.Gateway.Sysctls = nil, false, false
	s, err := Want(p, f)
	if err != nil || len(s.Ways) != 4 || len(s.Rules) != 13 || len(s.Loose) > 0 {
		t.Errorf("without IPv6 and sysctls: %+v, %v", s, err)
	}
}

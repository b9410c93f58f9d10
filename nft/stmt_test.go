package nft

import (
	"time"

	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
)

// stmtTexts holds every statement, in all its forms, as nft writes it.
var stmtTexts = []struct {
	stmt Stmt
	want string
}{
	{L4Is{[]inet.Proto{inet.TCP}}, "meta l4proto tcp"},
	{L4Is{[]inet.Proto{inet.TCP, inet.UDP, inet.SCTP}}, "meta l4proto { tcp, udp, sctp }"},
	{DportIs{8080}, "th dport 8080"},
	{FamilyIs{inet.V4}, "meta nfproto ipv4"},
	{FamilyIs{inet.V6}, "meta nfproto ipv6"},
	{SetMark{FlowMark, 0xff000000, 7}, "ct mark set ct mark & 0xff000007 | 0x00000007"},
	{SetMark{PacketMark, 0, 7}, "meta mark set 0x00000007"},
	{Vmap{[]Field{F(IIfName)}, "entering"}, "iifname vmap @entering"},
	{Vmap{[]Field{F(OIfName)}, "leaving"}, "oifname vmap @leaving"},
	{Vmap{[]Field{{Kind: PacketMark, And: 0xffffff}}, "m"}, "meta mark & 0x00ffffff vmap @m"},
	{NAT{Source: true, Key: []Field{F(FlowMark), F(IPSaddr)}, Map: "m", Data: AddrRange4}, "snat ip to ct mark . ip saddr map @m"},
	{CtNew{}, "ct state new"},
	{CtEstablished{}, "ct state established"},
	{CtOriginal{}, "ct direction original"},
	{CtInvalid{}, "ct state invalid"},
	{Counter{}, "counter"},
	{FlowAdd{"ft"}, "flow add @ft"},
	{Vmap{Key: []Field{F(CtIPSaddr)}, Map: "segments4"}, "ct original ip saddr vmap @segments4"},
	{Vmap{Key: []Field{F(CtIP6Saddr)}, Map: "segments6"}, "ct original ip6 saddr vmap @segments6"},
	{TCPOpens{}, "tcp flags syn / syn,rst"},
	{LowerMSS{}, "tcp option maxseg size set rt mtu"},
	{LowerMSS{To: 1400}, "tcp option maxseg size set 1400"},
	{TCPSyn{}, "tcp flags syn / fin,syn,rst,ack"},
	{CtStray{}, "ct state invalid,untracked"},
	{NoTrack{}, "notrack"},
	{AnswerSyn{Handshake{MSS: 1460, WScale: 7, Timestamp: true, SackPerm: true}}, "synproxy mss 1460 wscale 7 timestamp sack-perm"},
	{AnswerSyn{Handshake{MSS: 536}}, "synproxy mss 536 wscale 0"},
	{CtStatus{Bit: DNAT}, "ct status dnat"},
	{CtStatus{Bit: Confirmed, Not: true}, "ct status ! confirmed"},
	{FromSelf{}, "iif 0"},
	{PriorityIs{0x736e0001}, "meta priority 736e:1"},
	{OIfIs{"ppp*"}, `oifname "ppp*"`},
	{OIfIn{"uplinks"}, "oifname @uplinks"},
	{CountOver{Set: "clients4", Key: []Field{F(Priority), F(IPSaddr)}, Over: 100}, "add @clients4 { meta priority . ip saddr ct count over 100 }"},
	{RateOver{Set: "rates6/zones", Key: []Field{{Kind: NumgenInc, Mod: 1, Base: 77}, {Kind: IP6Saddr, Bits: 64}}, Rate: 50, Unit: PerMinute, Burst: 100, Timeout: 2 * time.Minute},
		"update @rates6/zones { numgen inc mod 1 offset 77 . ip6 saddr & ffff:ffff:ffff:ffff:: timeout 120s limit rate over 50/minute burst 100 packets }"},
	{Hold{Set: "held4", Key: []Field{F(Priority), F(IPSaddr)}, Timeout: 100 * time.Millisecond}, "update @held4 { meta priority . ip saddr timeout 100ms }"},
	{SetPriority{Key: []Field{F(IPDaddr), F(L4Proto), F(Dport)}, Map: "limited4"}, "meta priority set ip daddr . meta l4proto . th dport map @limited4"},
	{ClearPriority{}, "meta priority set none"},
	{InSet{[]Field{F(IP6Daddr)}, "exclude6/a"}, "ip6 daddr @exclude6/a"},
	{Vmap{[]Field{F(IPDaddr), F(L4Proto), F(Dport)}, "services4"}, "ip daddr . meta l4proto . th dport vmap @services4"},
	{NAT{Key: []Field{F(IPDaddr), {Kind: NumgenInc, Mod: 3}}, Map: "slots4", Data: Addr4Port}, "dnat ip to ip daddr . numgen inc mod 3 map @slots4"},
	{NAT{Key: []Field{F(IP6Daddr), {Kind: NumgenRandom, Mod: 3}}, Map: "slots6", Data: Addr6}, "dnat ip6 to ip6 daddr . numgen random mod 3 map @slots6"},
	{NAT{Source: true, Key: []Field{F(CtIPDaddr), F(L4Proto), F(CtDport)}, Map: "laddrs4", Data: AddrRange4, Persistent: true},
		"snat ip to ct original ip daddr . meta l4proto . ct original proto-dst map @laddrs4 persistent"},
	{NAT{Source: true, Key: []Field{F(CtIP6Daddr)}, Map: "laddrs6", Data: AddrRange6, Random: true}, "snat ip6 to ct original ip6 daddr map @laddrs6 fully-random"},
	{NAT{Source: true, Key: []Field{{Kind: JHash, Of: []Field{F(IPSaddr), F(IPDaddr), F(Sport)}, Mod: 5, Seed: 0xbeef}}, Map: "pool4/x", Data: Addr4,
		Ports: inet.PortRange{First: 1024, Last: 65535}, Random: true, Persistent: true},
		"snat ip to jhash ip saddr . ip daddr . th sport mod 5 seed 0xbeef map @pool4/x:1024-65535 fully-random,persistent"},
	{NAT{Source: true, Key: []Field{F(IP6Saddr)}, Map: "p", Data: Addr6, Ports: inet.PortRange{First: 7, Last: 7}}, "snat ip6 to ip6 saddr map @p:7"},
	{Use{Ref{KindCounter, "hits"}}, `counter name "hits"`},
	{Use{Ref{KindCtHelper, "ftp"}}, `ct helper set "ftp"`},
	{Use{Ref{KindLimit, "slow"}}, `limit name "slow"`},
	{Use{Ref{KindCtTimeout, "dns"}}, `ct timeout set "dns"`},
	{Use{Ref{KindSynProxy, "full"}}, `synproxy name "full"`},
	{UseBy{KindLimit, []Field{F(IPSaddr)}, "limits"}, "limit name ip saddr map @limits"},
	{Masq{}, "masquerade"},
	{RejectTCPReset{}, "reject with tcp reset"},
	{RejectPortUnreachable{}, "reject"},
	{Give{Verdict{Kind: Accept}}, "accept"},
	{Give{Verdict{Kind: Drop}}, "drop"},
	{Give{Verdict{Kind: Return}}, "return"},
	{Give{JumpChain("services")}, "jump services"},
	{Give{GotoChain("zones")}, "goto zones"},
	{IIfIs{"ppp*"}, `iifname "ppp*"`},
	{IIfIn{"iif/mail"}, "iifname @iif/mail"},
	{InSet{[]Field{F(L4Proto), F(Dport)}, "ports/mail"}, "meta l4proto . th dport @ports/mail"},
	{NAT{Source: true, Key: []Field{F(IPSaddr)}, Map: "mapped4", Data: AddrRange4, Prefix: true}, "snat ip prefix to ip saddr map @mapped4"},
	{Update{Map: "sticky4", Key: []Field{{Kind: IPSaddr, Bits: 24}, F(CtDport)}, Data: []Field{F(IPDaddr), F(Dport)}, Timeout: 5 * time.Minute},
		"update @sticky4 { ip saddr & 255.255.255.0 . ct original proto-dst timeout 300s : ip daddr . th dport }"},
}

func TestStmtTexts(t *testing.T) {
	for _, c := range stmtTexts {
		if got := c.stmt.String(); got != c.want {
			t.Errorf("%#v is written\n%s\nwant\n%s", c.stmt, got, c.want)
		}
	}
}

// Whoever adds a statement, a field, a type or a kind of data has to add its text above or below.
func TestEveryStmtHasACase(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range stmtTexts {
		tested[reflect.TypeOf(c.stmt).Name()] = true
	}
	declared := implementations(t, "stmt")
	if got := slices.Sorted(maps.Keys(tested)); !slices.Equal(got, declared) {
		t.Errorf("the statements with a case are\n%v\nthose of the package\n%v", got, declared)
	}
}

// Whoever adds a kind of objects has to give it words, and samples (object_test.go).
func TestEveryKindHasWords(t *testing.T) {
	kinds, types := constants(t, "ObjectKind"), implementations(t, "settings")
	if len(kinds) != len(objectKinds) || len(types) != len(objectKinds) {
		t.Errorf("there are the kinds %v and the types %v, and words for %v", kinds, types, ObjectKinds())
	}
	for k, words := range objectKinds {
		if words.block == "" || words.use == "" || k.String() != words.block {
			t.Errorf("kind %d has the words %+v", k, words)
		}
	}
	if got, want := (Ref{Kind: 200, Name: "x"}).String(), "object 200 x"; got != want {
		t.Errorf("an object of no kind is called %s, want %s", got, want)
	}
}

func TestEveryFieldIsWritten(t *testing.T) {
	fields := map[string]bool{}
	for _, c := range stmtTexts {
		v := reflect.ValueOf(c.stmt)
		if f := v.FieldByName("Field"); f.IsValid() {
			fields[f.Interface().(Field).String()] = true
		}
		if f := v.FieldByName("Key"); f.IsValid() {
			for _, x := range f.Interface().([]Field) {
				fields[Field{Kind: x.Kind}.String()] = true
				for _, of := range x.Of {
					fields[of.String()] = true
				}
			}
		}
	}
	kinds := constants(t, "FieldKind")
	for k := range kinds {
		if text := (Field{Kind: FieldKind(k + 1)}).String(); text == "" || !fields[text] {
			t.Errorf("the field %s, %q, stands in no statement of this test", kinds[k], text)
		}
	}
	if text := (Field{Kind: FieldKind(len(kinds) + 1)}).String(); text != "" {
		t.Errorf("there is a field %q beyond the last", text)
	}
}

// wires are keys of each type, exact and as a range.
var wires = map[Type]struct {
	first, last string // wire form
	exact, span string
}{
	IPv4:    {addr("10.1.2.0"), addr("10.1.2.255"), "10.1.2.0", "10.1.2.0/24"},
	IPv6:    {addr("2001:db8::1"), addr("2001:db8::5"), "2001:db8::1", "2001:db8::1-2001:db8::5"},
	Proto:   {new(Wire).Proto(inet.TCP).Take(), new(Wire).Proto(inet.UDP).Take(), "tcp", "tcp-udp"},
	Service: {new(Wire).Port(80).Take(), new(Wire).Port(8099).Take(), "80", "80-8099"},
	Ifname:  {new(Wire).Ifname("wan0").Take(), new(Wire).Ifname("wan0").Take(), `"wan0"`, `"wan0"`},
	Slot:    {new(Wire).Slot(7).Take(), new(Wire).Slot(7).Take(), "7", "7"},
	FwMark:  {new(Wire).Mark(7).Take(), new(Wire).Mark(7).Take(), "0x00000007", "0x00000007"},
	Class:   {new(Wire).Class(0x1234_0007).Take(), new(Wire).Class(0x1234_0007).Take(), "1234:7", "1234:7"},
}

func addr(s string) string { return new(Wire).Addr(netip.MustParseAddr(s)).Take() }

func TestKeyTexts(t *testing.T) {
	names := constants(t, "Type")
	if len(names) != len(wires) {
		t.Errorf("the package has the types %v, this test %d", names, len(wires))
	}
	for typ, w := range wires {
		if len(w.first) != typ.Width() || len(w.last) != typ.Width() {
			t.Errorf("%s is %d bytes wide, its width is given as %d", names[typ-1], len(w.first), typ.Width())
		}
		exact := &Set{Key: []Type{typ}}
		if got := exact.KeyString(Element{Key: w.first}); got != w.exact {
			t.Errorf("a key of type %s is written %s, want %s", names[typ-1], got, w.exact)
		}
		if typ == Slot || typ == FwMark {
			continue // host byte order only where keys are exact
		}
		ranges := &Set{Key: []Type{typ}, Interval: true}
		if got := ranges.KeyString(Element{Key: w.first, KeyEnd: w.last}); got != w.span {
			t.Errorf("a range of type %s is written %s, want %s", names[typ-1], got, w.span)
		}
		if got := ranges.KeyString(Element{Key: w.first, KeyEnd: w.first}); got != w.exact {
			t.Errorf("a range of one of type %s is written %s, want %s", names[typ-1], got, w.exact)
		}
	}
	marked := &Set{Key: []Type{FwMark, IPv4}, Interval: true}
	net := Element{Key: new(Wire).MarkBig(7).Take() + addr("10.0.0.0"), KeyEnd: new(Wire).MarkBig(7).Take() + addr("10.0.0.255")}
	if got, want := marked.KeyString(net), "0x00000007 . 10.0.0.0/24"; got != want {
		t.Errorf("a mark beside a range is written %s, want %s", got, want)
	}
	all := &Set{Key: []Type{IPv4, Proto, Service, Slot}, Interval: true}
	from := new(Wire).Addr(netip.MustParseAddr("10.0.0.1")).Proto(inet.UDP).Port(80).SlotBig(258).Take()
	to := new(Wire).Addr(netip.MustParseAddr("10.0.0.1")).Proto(inet.UDP).Port(89).SlotBig(258).Take()
	if got, want := all.KeyString(Element{Key: from, KeyEnd: to}), "10.0.0.1 . udp . 80-89 . 258"; got != want {
		t.Errorf("a concatenated range is written %s, want %s", got, want)
	}
	if got, want := all.KeyString(Element{}), "*"; got != want {
		t.Errorf("the element for all other keys is written %s, want %s", got, want)
	}
	// What does not fit, as it may come from a kernel, is shown as bytes.
	if got, want := all.KeyString(Element{Key: "\x0a\x00"}), "0x0a00"; got != want {
		t.Errorf("a key that is cut short is written %s, want %s", got, want)
	}
}

func TestDataTexts(t *testing.T) {
	port := new(Wire).Port(8080).Take()
	cases := map[Data]struct{ data, want string }{
		NoData:         {"", ""},
		VerdictData:    {"", "goto zones"},
		Addr4:          {addr("10.0.0.1"), "10.0.0.1"},
		Addr6:          {addr("fd05::1"), "fd05::1"},
		Addr4Port:      {addr("10.0.0.1") + port, "10.0.0.1 . 8080"},
		Addr6Port:      {addr("fd05::1") + port, "fd05::1 . 8080"},
		AddrRange4:     {addr("10.0.0.1") + addr("10.0.0.3"), "10.0.0.1-10.0.0.3"},
		AddrRange6:     {addr("fd05::") + addr("fd05::3"), "fd05::/126"},
		ClassData:      {new(Wire).Class(0x1_0002).Take(), "1:2"},
		ObjectData:     {"slow", `"slow"`},
		AddrRange4Port: {addr("10.0.0.0") + port + addr("10.0.0.1") + new(Wire).Port(8089).Take(), "10.0.0.0/31 . 8080-8089"},
	}
	if names := constants(t, "Data"); len(names) != len(cases) {
		t.Errorf("the package has the kinds of data %v, this test %d", names, len(cases))
	}
	for d, c := range cases {
		s := &Set{Key: []Type{IPv4}, Data: d}
		e := Element{Key: addr("10.9.9.9"), Data: c.data}
		if d == VerdictData {
			e.Verdict = GotoChain("zones")
		}
		if len(c.data) != d.Width() && d != ObjectData {
			t.Errorf("data of kind %d is %d bytes wide, its width is given as %d", d, len(c.data), d.Width())
		}
		if got := s.DataString(e); got != c.want {
			t.Errorf("data of kind %d is written %q, want %q", d, got, c.want)
		}
	}
	// A range of one address is refused by nft when it is written like an address.
	for _, c := range []struct {
		data Data
		wire string
		want string
	}{
		{AddrRange4, addr("10.0.0.1") + addr("10.0.0.1"), "10.0.0.1/32"},
		{AddrRange6, addr("fd05::1") + addr("fd05::1"), "fd05::1/128"},
		{AddrRange4Port, addr("10.0.0.1") + port + addr("10.0.0.1") + port, "10.0.0.1-10.0.0.1 . 8080"},
	} {
		if got := (&Set{Key: []Type{IPv4}, Data: c.data}).DataString(Element{Data: c.wire}); got != c.want {
			t.Errorf("a range of one is written %s, want %s", got, c.want)
		}
	}
}

func TestElementText(t *testing.T) {
	s := &Set{Name: "m", Key: []Type{IPv4}, Data: Addr4, Interval: true}
	e := Element{Key: addr("10.0.0.0"), KeyEnd: addr("10.0.0.255"), Data: addr("10.9.9.9"), Comment: "office: pool"}
	if got, want := s.ElementString(e), `10.0.0.0/24 comment "office: pool" : 10.9.9.9`; got != want {
		t.Errorf("an element is written\n%s\nwant\n%s", got, want)
	}
}

func TestVerdictOfAnotherKind(t *testing.T) {
	if got, want := (Verdict{Kind: 255, Chain: "x"}).String(), "verdict 255"; got != want {
		t.Errorf("a verdict that snatctl does not know is written %q, want %q", got, want)
	}
}

// implementations returns the names of the types in this package that have a method.
func implementations(t *testing.T, method string) []string {
	t.Helper()
	var out []string
	for _, f := range source(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == method {
				out = append(out, fn.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// constants returns the names of the constants that an iota block of the type declares.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	var out []string
	for _, f := range source(t) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			if id, ok := g.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); !ok || id.Name != typ {
				continue
			}
			for _, spec := range g.Specs {
				out = append(out, spec.(*ast.ValueSpec).Names[0].Name)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no constants of type %s", typ)
	}
	return out
}

// source parses the package, less its tests.
func source(t *testing.T) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

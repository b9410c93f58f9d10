package wire

import (
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// stmts holds every statement, and its form: what the kernel's expressions for it are.
var stmts = []struct {
	stmt nft.Stmt
	form string
}{
	{nft.L4Is{Protos: []inet.Proto{inet.TCP}}, "[meta 1=00000001 2=00000010][cmp 1=00000001 2=00000000 3=(1=06)]"},
	{nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.UDP}}, "[meta 1=00000001 2=00000010][lookup 1={6,17} 2=00000001 5=00000000]"},
	{nft.DportIs{Port: 80}, "[payload 1=00000001 2=00000002 3=00000002 4=00000002][cmp 1=00000001 2=00000000 3=(1=0050)]"},
	{nft.FamilyIs{Family: inet.V6}, "[meta 1=00000001 2=0000000f][cmp 1=00000001 2=00000000 3=(1=0a)]"},
	{nft.SetMark{Of: nft.FlowMark, Keep: 0xff000000, Value: 7}, "[ct 1=00000001 2=00000003][bitwise 1=00000001 2=00000001 3=00000004 4=(1=000000ff) 5=(1=07000000) 6=00000000][ct 2=00000003 4=00000001]"},
	{nft.SetMark{Of: nft.PacketMark, Value: 7}, "[immediate 1=00000001 2=(1=07000000)][meta 2=00000003 3=00000001]"},
	{nft.Vmap{Key: []nft.Field{nft.F(nft.IIfName)}, Map: "m"}, "[meta 1=00000001 2=00000006][lookup 1=m 2=00000001 3=00000000 5=00000000]"},
	{nft.Vmap{Key: []nft.Field{nft.F(nft.OIfName)}, Map: "m"}, "[meta 1=00000001 2=00000007][lookup 1=m 2=00000001 3=00000000 5=00000000]"},
	{nft.Vmap{Key: []nft.Field{{Kind: nft.PacketMark, And: 0xffffff}}, Map: "m"}, "[meta 1=00000001 2=00000003][bitwise 1=00000001 2=00000001 3=00000004 4=(1=ffffff00) 5=(1=00000000) 6=00000000][lookup 1=m 2=00000001 3=00000000 5=00000000]"},
	{nft.CtNew{}, ct("02", "08000000")},
	{nft.CtEstablished{}, ct("02", "02000000")},
	{nft.CtOriginal{}, "[ct 1=00000001 2=00000001][cmp 1=00000001 2=00000000 3=(1=00)]"},
	{nft.CtInvalid{}, ct("02", "01000000")},
	{nft.CtStatus{Bit: nft.DNAT}, "[ct 1=00000001 2=00000002][bitwise 1=00000001 2=00000001 3=00000004 4=(1=20000000) 5=(1=00000000) 6=00000000][cmp 1=00000001 2=00000001 3=(1=00000000)]"},
	{nft.FromSelf{}, "[meta 1=00000001 2=00000004][cmp 1=00000001 2=00000000 3=(1=00000000)]"},
	{nft.PriorityIs{Priority: 0x736e6174}, "[meta 1=00000001 2=00000002][cmp 1=00000001 2=00000000 3=(1=74616e73)]"},
	{nft.OIfIs{Name: "ppp*"}, "[meta 1=00000001 2=00000007][cmp 1=00000001 2=00000000 3=(1=707070)]"},
	{nft.OIfIn{Set: "uplinks"}, "[meta 1=00000001 2=00000007][lookup 1=uplinks 2=00000001 5=00000000]"},
	{nft.IIfIs{Name: "lan0"}, "[meta 1=00000001 2=00000006][cmp 1=00000001 2=00000000 3=(1=6c616e30000000000000000000000000)]"},
	{nft.IIfIn{Set: "lans"}, "[meta 1=00000001 2=00000006][lookup 1=lans 2=00000001 5=00000000]"},
	{nft.CountOver{Set: "s", Key: []nft.Field{nft.F(nft.Priority)}, Over: 7}, "[meta 1=00000001 2=00000002][dynset 1=7300 3=00000000 4=00000001 6=0000000000000000 7=[connlimit 1=00000007 2=00000001] 9=00000000]"},
	{nft.RateOver{Set: "s", Key: []nft.Field{nft.F(nft.Priority)}, Rate: 5, Unit: nft.PerMinute, Burst: 9, Timeout: time.Second},
		"[meta 1=00000001 2=00000002][dynset 1=7300 3=00000001 4=00000001 6=00000000000003e8 7=[limit 1=0000000000000005 2=000000000000003c 3=00000009 4=00000000 5=00000001] 9=00000000]"},
	{nft.Hold{Set: "s", Key: []nft.Field{{Kind: nft.NumgenInc, Mod: 1, Base: 9}}, Timeout: time.Second}, "[numgen 1=00000001 2=00000001 3=00000000 4=00000009][dynset 1=7300 3=00000001 4=00000001 6=00000000000003e8 9=00000000]"},
	{nft.SetPriority{Key: []nft.Field{nft.F(nft.L4Proto)}, Map: "m"}, "[meta 1=00000001 2=00000010][lookup 1=m 2=00000001 3=00000001 5=00000000][meta 2=00000002 3=00000001]"},
	{nft.ClearPriority{}, "[immediate 1=00000001 2=(1=00000000)][meta 2=00000002 3=00000001]"},
	{nft.InSet{Key: []nft.Field{nft.F(nft.L4Proto)}, Set: "s"}, "[meta 1=00000001 2=00000010][lookup 1=s 2=00000001 5=00000000]"},
	{nft.Update{Map: "m", Key: []nft.Field{nft.F(nft.Sport)}, Data: []nft.Field{nft.F(nft.Dport)}, Timeout: time.Second},
		"[payload 1=00000001 2=00000002 3=00000000 4=00000002][payload 1=00000002 2=00000002 3=00000002 4=00000002][dynset 1=6d00 3=00000001 4=00000001 5=00000002 6=00000000000003e8 9=00000000]"},
	{nft.Vmap{Key: []nft.Field{nft.F(nft.L4Proto)}, Map: "m"}, "[meta 1=00000001 2=00000010][lookup 1=m 2=00000001 3=00000000 5=00000000]"},
	{nft.NAT{Source: true, Key: []nft.Field{nft.F(nft.L4Proto)}, Map: "m", Data: nft.Addr4, Persistent: true},
		"[meta 1=00000001 2=00000010][lookup 1=m 2=00000001 3=00000001 5=00000000][nat 1=00000000 2=00000002 3=00000001 4=00000001 7=00000009]"},
	{nft.Masq{}, "[masq 1=00000000]"},
	{nft.RejectTCPReset{}, "[reject 1=00000001]"},
	{nft.RejectPortUnreachable{}, "[reject 1=00000002 2=01]"},
	{nft.FlowAdd{Flowtable: "ft"}, "[flow_offload 1=ft]"},
	{nft.Use{Object: nft.Ref{Kind: nft.KindLimit, Name: "x"}}, "[objref 1=00000004 2=7800]"},
	{nft.UseBy{Kind: nft.KindLimit, Key: []nft.Field{nft.F(nft.L4Proto)}, Map: "m"}, "[meta 1=00000001 2=00000010][objref 3=00000001 4=6d00]"},
	{nft.TCPOpens{}, "[meta 1=00000001 2=00000010][cmp 1=00000001 2=00000000 3=(1=06)][payload 1=00000001 2=00000002 3=0000000d 4=00000001][bitwise 1=00000001 2=00000001 3=00000001 4=(1=06) 5=(1=00) 6=00000000][cmp 1=00000001 2=00000000 3=(1=02)]"},
	{nft.LowerMSS{}, "[rt 1=00000001 2=00000003][byteorder 1=00000001 2=00000001 3=00000001 4=00000002 5=00000002][exthdr 2=02 3=00000002 4=00000002 5=00000000 6=00000001 7=00000001]"},
	{nft.LowerMSS{To: 1400}, "[immediate 1=00000001 2=(1=0578)][exthdr 2=02 3=00000002 4=00000002 5=00000000 6=00000001 7=00000001]"},
	{nft.TCPSyn{}, "[meta 1=00000001 2=00000010][cmp 1=00000001 2=00000000 3=(1=06)][payload 1=00000001 2=00000002 3=0000000d 4=00000001]" +
		"[bitwise 1=00000001 2=00000001 3=00000001 4=(1=17) 5=(1=00) 6=00000000][cmp 1=00000001 2=00000000 3=(1=02)]"},
	{nft.CtStray{}, ct("02", "41000000")},
	{nft.NoTrack{}, "[notrack]"},
	{nft.AnswerSyn{Offer: nft.Handshake{MSS: 1460, WScale: 7, Timestamp: true, SackPerm: true}}, "[synproxy 1=05b4 2=07 3=0000000f]"},
	{nft.Counter{}, "[counter]"},
	{nft.Give{Verdict: nft.GotoChain("c")}, "[immediate 1=00000000 2=(2=(1=fffffffc)(2=6300))]"},
}

func ct(key, mask string) string {
	return "[ct 1=00000001 2=00000000][bitwise 1=00000001 2=00000001 3=00000004 4=(1=" + mask + ") 5=(1=00000000) 6=00000000][cmp 1=00000001 2=00000001 3=(1=00000000)]"
}

// A rule that is encoded and decoded has the form that Forms gives it, its comment, and no
// other: for every statement that there is.
func TestRules(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the forms of this test are those of a little-endian machine")
	}
	plain := func(string) bool { return false }
	tried := map[string]bool{}
	for _, c := range stmts {
		tried[reflect.TypeOf(c.stmt).Name()] = true
		rule := nft.Rule{Stmts: []nft.Stmt{c.stmt}, Comment: "a rule"}
		want, err := make(former).of(rule, plain)
		if err != nil {
			t.Fatalf("%s: %v", c.stmt, err)
		}
		if want != c.form {
			t.Errorf("%s has the form\n%s\nwant\n%s", c.stmt, want, c.form)
		}
		b := newBatch("t", 1, 0, 0)
		if err := b.addRule(&nft.Op{Mark: nft.Add, Chain: &nft.Chain{Name: "c"}, Rules: []nft.Rule{rule}}, 0, plain); err != nil {
			t.Fatalf("%s: %v", c.stmt, err)
		}
		last := b.b[b.msgs[len(b.msgs)-1].at+unix.NLMSG_HDRLEN+nfnl.GenmsgLen:]
		chain, got := DecodeRule(last, func(string) string { return "{6,17}" })
		if chain != "c" || got.Form != want || got.Comment != rule.Comment {
			t.Errorf("%s is read as %+v of chain %s", c.stmt, got, chain)
		}
	}
	if declared := statements(t); !slices.Equal(slices.Sorted(maps.Keys(tried)), declared) {
		t.Errorf("tried are\n%v\nthe statements of package nft are\n%v", slices.Sorted(maps.Keys(tried)), declared)
	}
}

// statements returns the names of the types of package nft that are statements.
func statements(t *testing.T) (out []string) {
	t.Helper()
	paths, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "stmt" {
				out = append(out, fn.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Rules of one table that look alike have their own forms: a set without a name is no part of the
// expressions, but of the form.
func TestFormsOfAlikeRules(t *testing.T) {
	rules := func() (out []nft.Rule) {
		for _, s := range []nft.Stmt{
			nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.UDP}}, nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.SCTP}}, nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.UDP}},
			nft.CtInvalid{}, nft.CtInvalid{}, nft.Give{Verdict: nft.GotoChain("a")}, nft.Give{Verdict: nft.GotoChain("b")},
		} {
			out = append(out, nft.Rule{Stmts: []nft.Stmt{s}})
		}
		return out
	}
	r := &nft.Ruleset{Chains: []*nft.Chain{{Name: "c", Rules: rules()}}}
	if _, err := Forms(r); err != nil {
		t.Fatal(err)
	}
	for i, alone := range rules() {
		one := &nft.Ruleset{Chains: []*nft.Chain{{Name: "c", Rules: []nft.Rule{alone}}}}
		if _, err := Forms(one); err != nil {
			t.Fatal(err)
		}
		if got, want := r.Chains[0].Rules[i].Form, one.Chains[0].Rules[0].Form; got != want {
			t.Errorf("among others %s has the form\n%s\nalone\n%s", alone, got, want)
		}
	}
}

package wire

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Whatever bytes come from a socket: decoding them neither panics nor loops, and what they
// give can be compared, printed and sent back. The corpus is what a kernel returned for
// golden cases of the compiler; `go test ./nft/nftlink -run TestSeeds -seeds` makes it anew.

func FuzzElements(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		s := fuzzSets[int(kind)%len(fuzzSets)]
		s.Name = "s"
		d := Elements{Set: &s, Names: map[string]string{}}
		err := d.Take(data)
		d.Finish()
		n := len(s.Elements)
		for _, e := range s.Elements {
			_ = s.ElementString(e)
		}
		if err != nil && err != nfnl.ErrTruncated {
			t.Errorf("the error is %v", err)
		}
		_ = AnonymousForm(&s)
		if s.Key == nil || n == 0 {
			return
		}
		live := &nft.Ruleset{Table: "t", Sets: []*nft.Set{&s}}
		want, _ := Forms(&nft.Ruleset{Table: "t"})
		if _, err := Encode(nft.Diff(live, want), 1, 0); err != nil {
			t.Errorf("what was read cannot be deleted: %v", err)
		}
	})
}

// What is encoded and decoded again is what it was.
func FuzzElementRoundTrip(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0}, byte(255), "office: pool", []byte{198, 51, 100, 1, 198, 51, 100, 9}, byte(0))
	f.Add([]byte{203, 0, 113, 1, 6, 0, 0, 0, 0, 80, 0, 0}, byte(0), "web", []byte("refused"), byte(3))
	f.Add([]byte{255, 255, 255, 255}, byte(0), "", []byte("x"), byte(1))
	f.Fuzz(func(t *testing.T, key []byte, more byte, comment string, data []byte, kind byte) {
		s := fuzzSets[int(kind)%len(fuzzSets)]
		s.Name = "s"
		if len(key) != s.KeyWidth() || len(key) == 0 || len(comment) > 250 || slices.Contains([]byte(comment), 0) {
			return
		}
		e := nft.Element{Key: string(key), Comment: comment}
		if s.Interval {
			end := slices.Clone(key)
			end[len(end)-1] |= more
			e.KeyEnd = string(end)
		}
		switch s.Data {
		case nft.NoData:
		case nft.VerdictData:
			e.Verdict = nft.GotoChain("c" + string(slices.DeleteFunc(slices.Clone(data), func(b byte) bool { return b == 0 })))
		default:
			if len(data) != s.Data.Width() {
				return
			}
			e.Data = string(data)
		}
		b, at := nfnl.OpenNest(nil, listElements)
		b = appendElement(b, &s, &e, true)
		nfnl.CloseNest(b, at)
		got := fuzzSets[int(kind)%len(fuzzSets)]
		d := Elements{Set: &got, Names: map[string]string{}}
		if err := d.Take(b); err != nil {
			t.Fatal(err)
		}
		d.Finish()
		if !slices.Equal(got.Elements, []nft.Element{e}) {
			t.Errorf("%#v is read as %#v", e, got.Elements)
		}
	})
}

func FuzzDeclaration(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _ := DecodeSet(data)
		if s.Key == nil {
			return
		}
		if got, _ := DecodeSet(appendSet(nfnl.AppendString(nil, setName, s.Name), s, 1)); !slices.Equal(got.Key, s.Key) || got.Data != s.Data || got.Interval != s.Interval || got.Counter != s.Counter {
			t.Errorf("%+v is read as %+v after writing it", s, got)
		}
	})
}

func FuzzRule(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		protocols := func(string) string { return "{6}" }
		_, first := DecodeRule(data, protocols)
		if _, again := DecodeRule(data, protocols); again.Form != first.Form {
			t.Errorf("the form is %s once and %s then", first.Form, again.Form)
		}
		DecodeChain(data, "")
		DecodeBaseChain(data)
		make(Judged).Take(data, "")
		DecodeHead(data)
		DecodeFlowtable(data)
	})
}

// An error answer of any bytes is explained without a panic.
func FuzzExplain(f *testing.F) {
	es := []nft.Element{{Key: "\x0a\x00\x00\x00", KeyEnd: "\x0a\x00\x00\xff"}, {Key: "\x0b\x00\x00\x00", KeyEnd: "\xff\xff\xff\xff"}}
	want, _ := Forms(&nft.Ruleset{Table: "t"})
	plan := nft.Plan{Want: want, Whole: nft.Create, Ops: []nft.Op{
		{Mark: nft.Add, Set: &nft.Set{Name: "s", Key: []nft.Type{nft.IPv4}, Interval: true, Elements: es}},
		{Mark: nft.Add, Set: &nft.Set{Name: "s", Key: []nft.Type{nft.IPv4}, Interval: true}, Elements: es},
		{Mark: nft.Add, Chain: &nft.Chain{Name: "c"}},
	}}
	b, err := Encode(plan, 1, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(4), uint16(unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED), []byte{0xef, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 80, 0, 0, 0})
	f.Fuzz(func(t *testing.T, seq uint32, flags uint16, data []byte) {
		if e := nfnl.Errno(data); e != 0 && b.Refusal(nfnl.Message{Type: unix.NLMSG_ERROR, Flags: flags, Seq: seq, Data: data}, e).Error() == "" {
			t.Error("an error is explained as none")
		}
	})
}

// fuzzSets are the kinds of sets that elements are decoded into.
var fuzzSets = []nft.Set{
	{Key: []nft.Type{nft.IPv4}, Data: nft.AddrRange4, Interval: true},
	{Key: []nft.Type{nft.IPv4}, Data: nft.VerdictData, Interval: true},
	{Key: []nft.Type{nft.IPv4}, Interval: true},
	{Key: []nft.Type{nft.IPv4, nft.Proto, nft.Service}, Data: nft.VerdictData, Counter: true},
	{Key: []nft.Type{nft.IPv4, nft.Proto, nft.Service}, Data: nft.AddrRange4Port, Interval: true},
	{Key: []nft.Type{nft.IPv6, nft.Proto, nft.Service, nft.Slot}, Data: nft.Addr6Port, Interval: true},
	{Key: []nft.Type{nft.Slot}, Data: nft.Addr4},
	{Key: []nft.Type{nft.Ifname}},
	{}, // what snatctl does not declare
}

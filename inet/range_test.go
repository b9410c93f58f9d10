package inet

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestParseRange(t *testing.T) {
	for _, c := range []struct{ text, from, to, want string }{
		{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"10.0.0.1/32", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9", "10.0.0.1-10.0.0.9"},
		{"10.0.0.0-10.0.0.255", "10.0.0.0", "10.0.0.255", "10.0.0.0/24"},
		{"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
		{"2001:db8::10/124", "2001:db8::10", "2001:db8::1f", "2001:db8::10/124"},
		{"fd00::1-fd00::2", "fd00::1", "fd00::2", "fd00::1-fd00::2"},
	} {
		r, err := ParseRange(c.text)
		want := Range{netip.MustParseAddr(c.from), netip.MustParseAddr(c.to)}
		if err != nil || r != want || r.String() != c.want {
			t.Errorf("ParseRange(%q) = %v, %v, want %s", c.text, r, err, c.want)
		}
	}
	for _, c := range []struct {
		text string
		want error // nil: any
	}{
		{"10.0.0.5/24", ErrHostBits}, {"fd00::1/64", ErrHostBits}, {"10.0.0.2-10.0.0.1", ErrReversed}, {"10.0.0.1-::1", ErrMixed},
		{"example.com", ErrNotAddress}, {"", ErrNotAddress}, {"10.0.0.256", ErrNotAddress}, {"10.0.0.01", ErrNotAddress}, {"fe80::1%eth0", ErrNotAddress},
		{"10.0.0.0/33", nil}, {"10.0.0.0/", nil}, {"10.0.0.0/08", nil}, {"10.0.0.0/8-10.0.0.9", nil}, {"10.0.0.1-", nil}, {"::ffff:10.0.0.1", nil}, {"::ffff:10.0.0.0/104", nil},
	} {
		if r, err := ParseRange(c.text); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("ParseRange(%q) = %v, %v, want the error %v", c.text, r, err, c.want)
		}
	}
}

func TestRange(t *testing.T) {
	r := MustRange("10.0.0.4-10.0.0.9")
	for text, want := range map[string]bool{"10.0.0.3": false, "10.0.0.4": true, "10.0.0.9": true, "10.0.0.10": false, "::a00:4": false} {
		if got := r.Contains(netip.MustParseAddr(text)); got != want {
			t.Errorf("%v.Contains(%s) = %v", r, text, got)
		}
	}
	for text, want := range map[string]uint64{"10.0.0.1": 1, "10.0.0.0/8": 1 << 24, "0.0.0.0/0": 1 << 32, "fd00::/64": 1 << 62, "::/0": 1 << 62} {
		if got := MustRange(text).Count(); got != want {
			t.Errorf("%s counts %d addresses, want %d", text, got, want)
		}
	}
	if (Range{}).Count() != 0 || (Range{}).String() != "none" || (Range{}).Family() != 0 {
		t.Error("the zero range is not none")
	}
	for _, f := range Families {
		if e := Everything(f); e.Family() != f || e.From.Prev().IsValid() || e.To.Next().IsValid() {
			t.Errorf("everything of %v is %v", f, e)
		}
	}
}

// The property test works in two windows of 64 addresses, one of each family, at the
// ends of the address space where arithmetic likes to go wrong. A set of addresses is
// then 128 bits, which is a model without any arithmetic.

const window = 64

type model [2 * window]bool

// at returns the i-th address of the windows: the first 32 addresses of a family, then
// the last 32.
func at(i int) netip.Addr {
	last, n := Everything(V4), i%window
	if i >= window {
		last = Everything(V6)
	}
	a := last.From
	step := netip.Addr.Next
	if n >= window/2 {
		a, n, step = last.To, window-1-n, netip.Addr.Prev
	}
	for range n {
		a = step(a)
	}
	return a
}

func modelOf(rs []Range) (m model) {
	for i := range m {
		a := at(i)
		m[i] = slices.ContainsFunc(rs, func(r Range) bool { return r.Contains(a) })
	}
	return m
}

// randomRanges returns up to six ranges, each within a half of a window or across both.
func randomRanges(rnd *rand.Rand) (out []Range) {
	for range rnd.IntN(7) {
		i := rnd.IntN(2 * window)
		j := i/window*window + rnd.IntN(window)
		out = append(out, Range{at(min(i, j)), at(max(i, j))})
	}
	return out
}

// checkMerged fails where ranges are not sorted, overlap or touch.
func checkMerged(t *testing.T, what string, rs []Range) {
	t.Helper()
	for i, r := range rs {
		if r.To.Less(r.From) || FamilyOf(r.From) != FamilyOf(r.To) {
			t.Fatalf("%s: %v is no range", what, r)
		}
		if i > 0 && rs[i-1].Family() == r.Family() && !rs[i-1].To.Next().Less(r.From) {
			t.Fatalf("%s: %v and %v are not merged", what, rs[i-1], r)
		}
	}
}

func TestSetOperations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b := randomRanges(rnd), randomRanges(rnd)
		inA, inB := modelOf(a), modelOf(b)
		keptA, keptB := slices.Clone(a), slices.Clone(b)
		for _, op := range []struct {
			name string
			got  []Range
			want func(a, b bool) bool
		}{
			{"Merge", Merge(append(slices.Clone(a), b...)), func(a, b bool) bool { return a || b }},
			{"Subtract", Subtract(a, b), func(a, b bool) bool { return a && !b }},
			{"Intersect", Intersect(a, b), func(a, b bool) bool { return a && b }},
		} {
			checkMerged(t, op.name, op.got)
			for i, got := range modelOf(op.got) {
				if got != op.want(inA[i], inB[i]) {
					t.Fatalf("%s of %v and %v is %v: wrong about %s", op.name, a, b, op.got, at(i))
				}
			}
		}
		if !slices.Equal(a, keptA) || !slices.Equal(b, keptB) {
			t.Fatal("an operation changed what it was given")
		}
		for _, r := range a {
			for _, s := range b {
				overlap := len(Intersect([]Range{r}, []Range{s})) > 0
				if r.Overlaps(s) != overlap || r.Covers(s) != (len(Subtract([]Range{s}, []Range{r})) == 0) {
					t.Fatalf("Overlaps or Covers is wrong about %v and %v", r, s)
				}
			}
		}
	}
}

func TestPrefixOfRange(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		i := rnd.IntN(2 * window)
		bits := at(i).BitLen()
		p := netip.PrefixFrom(at(i), rnd.IntN(bits+1)).Masked()
		if got, ok := PrefixRange(p).Prefix(); !ok || got != p {
			t.Fatalf("the prefix of the range of %v is %v, %v", p, got, ok)
		}
	}
	if p, ok := MustRange("10.0.0.1-10.0.0.2").Prefix(); ok {
		t.Errorf("10.0.0.1-10.0.0.2 is the prefix %v", p)
	}
}

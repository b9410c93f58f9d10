package view

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway"
)

// madeUp is a reading of three zones, over two seconds.
func madeUp() gateway.Measured {
	return gateway.Measured{By: ct.ByZone, Known: true, Over: 2 * time.Second, Stats: ctlink.Stats{Entries: 1100, Max: 4400, InsertFailed: 7, Drop: 1}, Rates: []ct.Rate{
		{Group: ct.Group{Name: "guests"}, Flows: 90, New: 3000, In: 10, Out: 10},
		{Group: ct.Group{Name: "office"}, Flows: 1000, New: 1, In: 2048, Out: 1 << 21},
		{Group: ct.Group{}, Flows: 10, In: 1 << 31, Out: 0},
	}}
}

func (l *topList) text() string {
	var out []string
	for i := range l.rows {
		out = append(out, strings.Join(l.cells(i), " "))
	}
	return strings.Join(out, "\n")
}

func TestTopList(t *testing.T) {
	const (
		guests = "guests 90 1,500 10 B 5 B 5 B"
		office = "office 1,000 0.5 1.0 MiB 1.0 KiB 1.0 MiB"
		nobody = "- 10 0 1.0 GiB 1.0 GiB 0 B"
	)
	for _, c := range []struct {
		name string
		do   func(*topList)
		want []string
	}{
		{"as it begins", func(*topList) {}, []string{office, guests, nobody}},
		{"by new", func(l *topList) { l.by(byNew) }, []string{guests, office, nobody}},
		{"by bytes", func(l *topList) { l.by(byBytes) }, []string{nobody, office, guests}},
		{"the key before the first", func(l *topList) { l.by(l.sort + sortKeys - 1) }, []string{nobody, office, guests}},
		{"the key after the last", func(l *topList) { l.by(byBytes); l.by(l.sort + 1) }, []string{office, guests, nobody}},
		{"some", func(l *topList) { l.only("FF") }, []string{office}},
		{"none", func(l *topList) { l.only("x") }, nil},
		{"all again", func(l *topList) { l.only("x"); l.only("") }, []string{office, guests, nobody}},
		{"a filter stays", func(l *topList) { l.only("e"); l.by(byNew); l.take(madeUp()) }, []string{guests, office}},
	} {
		var l topList
		l.take(madeUp())
		c.do(&l)
		if want := strings.Join(c.want, "\n"); l.text() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, l.text(), want)
		}
	}
	var l topList
	l.take(madeUp())
	l.by(byNew)
	if got := fmt.Sprint(l.titles()); got != "[ZONE FLOWS NEW/S▼ BYTES/S IN/S OUT/S]" {
		t.Error(got)
	}
	if want := "conntrack 1,100 of 4,400 (25.0%), insert_failed 7, drop 1 · 1,501 new/s · 1.0 GiB/s"; l.totals() != want {
		t.Errorf("got  %s\nwant %s", l.totals(), want)
	}
	r := madeUp()
	r.Known, r.Lost = false, 1
	l.by(byFlows)
	l.take(r)
	if got := l.cells(0); !slices.Equal(got, []string{"office", "1,000", "", "", "", ""}) {
		t.Errorf("without rates a row is %q", got)
	}
	if want := "conntrack 1,100 of 4,400 (25.0%), insert_failed 7, drop 1 · lost 1 event"; l.totals() != want {
		t.Errorf("got  %s\nwant %s", l.totals(), want)
	}
}

// Of equal groups always the same is first.
func TestTopOrder(t *testing.T) {
	var r gateway.Measured
	for i := range 50 {
		r.Rates = append(r.Rates, ct.Rate{Group: ct.Group{At: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i * 37)}), 0)}, Flows: 1})
	}
	var l topList
	l.take(r)
	first := l.text()
	slices.Reverse(r.Rates)
	l.take(r)
	if l.text() != first {
		t.Errorf("got\n%s\nand then\n%s", first, l.text())
	}
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		every, took time.Duration
		known       bool
		want        time.Duration
	}{
		{2 * time.Second, 0, true, 2 * time.Second},
		{2 * time.Second, 400 * time.Millisecond, true, 1600 * time.Millisecond},
		{2 * time.Second, time.Second, true, 4 * time.Second},
		{2 * time.Second, 0, false, FastestTop},
		{2 * time.Second, 200 * time.Millisecond, false, 800 * time.Millisecond},
	} {
		if got := pause(c.every, gateway.Measured{Took: c.took, Known: c.known}); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

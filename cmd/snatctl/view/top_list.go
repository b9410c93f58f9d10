package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// sortKey is what top sorts by, most first. The zero value is by flows.
type sortKey uint8

const (
	byFlows sortKey = iota
	byNew
	byBytes
	sortKeys
)

// topList is what top shows: readings as rows in the order asked for. The zero value is an
// empty list.
type topList struct {
	now    gateway.Measured
	sort   sortKey
	filter string // of names, in lower case
	rows   []ct.Rate
}

// take shows a reading.
func (l *topList) take(r gateway.Measured) {
	l.now = r
	l.arrange()
}

// by sorts by another key.
func (l *topList) by(k sortKey) {
	l.sort = (k + sortKeys) % sortKeys
	l.arrange()
}

// only shows groups whose names contain a text.
func (l *topList) only(text string) {
	l.filter = strings.ToLower(text)
	l.arrange()
}

func (l *topList) arrange() {
	l.rows = l.rows[:0]
	for _, r := range l.now.Rates {
		if l.filter == "" || strings.Contains(strings.ToLower(r.Group.String()), l.filter) {
			l.rows = append(l.rows, r)
		}
	}
	slices.SortFunc(l.rows, func(a, b ct.Rate) int {
		var keys [sortKeys]int
		keys[byFlows] = cmp.Compare(b.Flows, a.Flows)
		keys[byNew] = cmp.Compare(b.New, a.New)
		keys[byBytes] = cmp.Compare(b.In+b.Out, a.In+a.Out)
		return cmp.Or(keys[l.sort], keys[byFlows], a.Compare(b.Group))
	})
}

// titles returns the titles of the columns; that of what is sorted by has a mark.
func (l *topList) titles() []string {
	out := []string{strings.ToUpper(l.now.By.String()), "FLOWS", "NEW/S", "BYTES/S", "IN/S", "OUT/S"}
	out[1+l.sort] += "▼"
	return out
}

// cells returns the columns of a row.
func (l *topList) cells(i int) []string {
	r := &l.rows[i]
	out := []string{r.Group.String(), comma(r.Flows), "", "", "", ""}
	if l.now.Known {
		out[2] = perSecond(r.New, l.now.Over)
		for n, bytes := range []uint64{r.In + r.Out, r.In, r.Out} {
			out[3+n] = size(uint64(float64(bytes) / l.now.Over.Seconds()))
		}
	}
	return out
}

// perSecond returns a rate, with a decimal where it is small.
func perSecond(n uint64, over time.Duration) string {
	rate := float64(n) / over.Seconds()
	if rate > 0 && rate < 100 {
		return fmt.Sprintf("%.1f", rate)
	}
	return comma(uint64(rate + 0.5))
}

// totals returns the line above the list: the conntrack table and sums of all groups.
func (l *topList) totals() string {
	s := l.now.Stats
	out := "conntrack " + comma(uint64(s.Entries))
	if s.Max > 0 {
		out += fmt.Sprintf(" of %s (%s)", comma(uint64(s.Max)), percent(uint64(s.Entries), uint64(s.Max)))
	}
	out += fmt.Sprintf(", insert_failed %d, drop %d", s.InsertFailed, s.Drop)
	var begun, bytes uint64
	for _, r := range l.now.Rates {
		begun += r.New
		bytes += r.In + r.Out
	}
	if l.now.Known {
		out += fmt.Sprintf(" · %s new/s · %s/s", perSecond(begun, l.now.Over), size(uint64(float64(bytes)/l.now.Over.Seconds())))
	}
	if l.now.Lost > 0 {
		out += fmt.Sprintf(" · lost %s", countMany(l.now.Lost, "event"))
	}
	return out
}

// Listing takes one part in this many of the time at most.
const listingShare = 5

// pause returns how long to wait until the next list, when a user wants one every so often.
// The first list of a kind tells no rates, so the next comes soon.
func pause(every time.Duration, r gateway.Measured) time.Duration {
	if !r.Known {
		every = min(every, FastestTop)
	}
	return max(every, listingShare*r.Took) - r.Took
}

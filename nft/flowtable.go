package nft

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flowtable takes the packets of flows that rules put on it (FlowAdd) a short way: from the
// device that they come in by straight to the one that they leave by, past all chains
// (Documentation/networking/nf_flowtable.rst). It looks at packets first of all (ingress,
// priority 0) and keeps the flows' own counters.
type Flowtable struct {
	Name    string
	Devices []string // sorted; packets that come in by another take the usual way
}

// FlowtableDevices is how many devices a flowtable can have (NFT_NETDEVICE_MAX in
// include/net/netfilter/nf_tables.h).
const FlowtableDevices = 256

func (f *Flowtable) write(w *bufio.Writer) {
	fmt.Fprintf(w, "\tflowtable %s {\n\t\thook ingress priority 0\n", f.Name)
	if len(f.Devices) > 0 {
		fmt.Fprintf(w, "\t\tdevices = { %s }\n", quoted(f.Devices))
	}
	w.WriteString("\t\tcounter\n\t}\n")
}

// String returns the flowtable's name and its devices, as a plan prints them.
func (f *Flowtable) String() string {
	if len(f.Devices) == 0 {
		return f.Name
	}
	return fmt.Sprintf("%s { devices = { %s } }", f.Name, quoted(f.Devices))
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, ", ")
}

// flowtable compares by device: the kernel adds and deletes single ones, and flows of the
// others stay.
func (d *differ) flowtable(live, want *Flowtable) {
	if live != nil && (want == nil || live.Name != want.Name) {
		d.delFlowtable = append(d.delFlowtable, Op{Mark: Delete, Flowtable: &Flowtable{Name: live.Name}})
		live = nil
	}
	switch {
	case want == nil:
	case live == nil:
		d.addFlowtable = append(d.addFlowtable, Op{Mark: Add, Flowtable: want})
	default:
		if gone := without(live.Devices, want.Devices); len(gone) > 0 {
			d.delFlowtable = append(d.delFlowtable, Op{Mark: Delete, Flowtable: &Flowtable{want.Name, gone}})
		}
		if more := without(want.Devices, live.Devices); len(more) > 0 {
			d.addFlowtable = append(d.addFlowtable, Op{Mark: Add, Flowtable: &Flowtable{want.Name, more}})
		}
	}
}

// without returns the names that are not among others.
func without(names, others []string) (out []string) {
	for _, n := range names {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}

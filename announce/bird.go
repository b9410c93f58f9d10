package announce

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Prefix begins the names of all that the file defines. BIRD's keywords cannot be names of protocols ("gw"), and
// patterns of filters can match it: proto ~ "snatctl_*".
const Prefix = "snatctl_"

// mark begins the first line of a file that snatctl wrote.
const mark = "# made by snatctl for table "

// BIRD returns the announcement as a file for BIRD 2 to include. Its routes are blackholes: exported to the kernel, too,
// they end what is not translated, which would go back and forth between this host and its router else. Protocols
// without routes stay, so that bird.conf may name them.
func (a Announcement) BIRD() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s", mark, a.Table)
	if a.Node != "" {
		fmt.Fprintf(&b, " of node %s", a.Node)
	}
	b.WriteString("; changes by hand are lost\n")
	if a.RouterID.IsValid() {
		fmt.Fprintf(&b, "router id %s;\n", a.RouterID)
	}
	if a.ASN != 0 {
		fmt.Fprintf(&b, "define %sasn = %d;\n", Prefix, a.ASN)
	}
	for _, f := range []struct {
		v4      bool
		channel string
		suffix  string
	}{{true, "ipv4", ""}, {false, "ipv6", "6"}} {
		fmt.Fprintf(&b, "\nprotocol static %svips%s {\n\t%s;\n", Prefix, f.suffix, f.channel)
		for _, v := range a.VIPs {
			if v.Addr.Is4() == f.v4 {
				v.line(&b)
			}
		}
		fmt.Fprintf(&b, "}\n\nprotocol static %sladdrs%s {\n\t%s;\n", Prefix, f.suffix, f.channel)
		for _, p := range a.Laddrs {
			if p.Addr().Is4() == f.v4 {
				fmt.Fprintf(&b, "\troute %s blackhole;\n", p)
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// mostNamed bounds how many services the line of a VIP names.
const mostNamed = 5

// line writes the route of a VIP, or why there is none.
func (v VIP) line(b *strings.Builder) {
	names, more := v.Services, ""
	if len(names) > mostNamed {
		names, more = names[:mostNamed], fmt.Sprintf(" and %d more", len(names)-mostNamed)
	}
	of := netip.PrefixFrom(v.Addr, v.Addr.BitLen())
	if v.Withdrawn != "" {
		fmt.Fprintf(b, "\t# withdrawn: %s: %s # %s%s\n", of, v.Withdrawn, strings.Join(names, ", "), more)
		return
	}
	fmt.Fprintf(b, "\troute %s blackhole; # %s%s\n", of, strings.Join(names, ", "), more)
}

// WhoseBIRD returns the table of the policy that a file was written for. It is not ok for one that snatctl did not
// write.
func WhoseBIRD(text string) (table string, ok bool) {
	line, _, _ := strings.Cut(text, "\n")
	rest, ok := strings.CutPrefix(line, mark)
	table, _, _ = strings.Cut(rest, " ")
	table, _, _ = strings.Cut(table, ";")
	return table, ok && table != ""
}

// Change is what becomes of one route, or of something else in the file.
type Change struct {
	Prefix netip.Prefix // zero: it is not about a route
	Added  bool
	Gone   bool   // with neither of both it changes
	Detail string // "withdrawn: the node drains"
}

// ChangesOfBIRD compares two texts of a file by the routes in them. Empty is no file.
func ChangesOfBIRD(was, is string) (out []Change) {
	if was == is {
		return nil
	}
	before, after := routesOf(was), routesOf(is)
	for p, kind := range after.in {
		if before.in[p] == "" {
			out = append(out, Change{Prefix: p, Added: true, Detail: "announce the " + kind})
		}
	}
	for p, kind := range before.in {
		if after.in[p] != "" {
			continue
		}
		c := Change{Prefix: p, Gone: true, Detail: "withdraw the " + kind}
		if why := after.why[p]; why != "" {
			c.Detail += ": " + why
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		if n := a.Prefix.Addr().Compare(b.Prefix.Addr()); n != 0 {
			return n
		}
		return a.Prefix.Bits() - b.Prefix.Bits()
	})
	if len(out) == 0 {
		c := Change{Added: was == "", Gone: is == "", Detail: "the file is other than the policy says"}
		if c.Added || c.Gone {
			c.Detail = "the file announces nothing"
		}
		out = append(out, c)
	}
	return out
}

// routes are those of a file: what each is, and why others are withdrawn.
type routes struct {
	in, why map[netip.Prefix]string
}

func routesOf(text string) routes {
	r, kind := routes{make(map[netip.Prefix]string), make(map[netip.Prefix]string)}, ""
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) > 2 && w[0] == "protocol":
			kind = "laddrs"
			if strings.HasPrefix(w[2], Prefix+"vips") {
				kind = "VIP"
			}
		case len(w) > 2 && w[0] == "route":
			if p, err := netip.ParsePrefix(w[1]); err == nil {
				r.in[p] = kind
			}
		case len(w) > 3 && w[0] == "#" && w[1] == "withdrawn:":
			if p, err := netip.ParsePrefix(strings.TrimSuffix(w[2], ":")); err == nil {
				why, _, _ := strings.Cut(line[strings.Index(line, w[2])+len(w[2]):], " # ")
				r.why[p] = strings.TrimSpace(why)
			}
		}
	}
	return r
}

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// One apply changes many objects, each with live flows. It ends those that contradict the new
// policy and no other, and diff tells how many before.
func TestCleanup(t *testing.T) {
	s := startSite(t, "")
	// Without an entry the kernel would give up on it after three seconds and say so to callers.
	output(t, s.Gateway, "ip", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:77", "dev", "dc0", "nud", "permanent")
	must(t, s.Office.ServeUDP("10.1.132.5:9000"))
	must(t, s.Office.ServeUDP("10.1.133.5:9000"))
	// Otherwise the gateway says after three seconds that there is no such host, which ends a call.
	output(t, s.Gateway, "ip", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:99", "dev", "dc0", "nud", "permanent")
	s.start(t, policyOf(func(c change) string { return c.was }))
	nft(t, s.Gateway, foreignRules)
	var opened []*openFlow
	for _, c := range changes() {
		for _, f := range c.flows {
			o := s.open(t, f)
			o.of = c.name
			opened = append(opened, o)
		}
	}
	s.note(t, opened)

	after, ends := policyOf(func(c change) string { return c.will }), 0
	for _, o := range opened {
		if o.ends {
			ends++
		}
	}
	for _, argv := range [][]string{{"diff"}, {"apply", "--dry-run"}} {
		if r := snatctl(t, s.Gateway, after, argv[0], append(argv[1:], "--format", "json")...); r.Code != 1 || flowsEnded(t, r) != ends {
			t.Errorf("%s exits %d and says that %d flows would end, want %d\n%s%s", argv, r.Code, flowsEnded(t, r), ends, r.Stdout, r.Stderr)
		}
	}
	r := snatctl(t, s.Gateway, after, "apply", "--format", "json")
	if r.Code != 0 || flowsEnded(t, r) != ends {
		t.Errorf("apply exits %d and says that it ended %d flows, want %d\n%s%s", r.Code, flowsEnded(t, r), ends, r.Stdout, r.Stderr)
	}
	s.judge(t, opened)
	// What another program translated at the VIP of a service looks like the service's own work
	// as soon as that is there.
	if r := snatctl(t, s.Gateway, after, "diff"); r.Code != 0 || !strings.Contains(r.Stdout, "1 live flow contradicts the policy; apply would end it\nwould end 1 flow of service new: ") {
		t.Errorf("diff exits %d behind apply:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// policyOf joins what all changes have in their lists, before or after.
func policyOf(side func(change) string) string {
	var b strings.Builder
	b.WriteString("version: 1\ngateway: {uplinks: [wan0, wan1]}\n")
	for _, kind := range []string{"services", "zones"} {
		b.WriteString(kind + ":\n")
		for _, c := range changes() {
			if lines := side(c); c.kind == kind && lines != "" {
				b.WriteString("  " + lines + "\n")
			}
		}
	}
	return b.String()
}

// flowsEnded reads the report of diff or apply.
func flowsEnded(t *testing.T, r nstest.Result) int {
	t.Helper()
	var report struct {
		Ended *int `json:"flows_ended"`
	}
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || report.Ended == nil {
		t.Fatalf("no report (%v): exit status %d\n%s%s", err, r.Code, r.Stdout, r.Stderr)
	}
	return *report.Ended
}

// openFlow is a live flow with what keeps it going, and its conntrack entry.
type openFlow struct {
	liveFlow
	of       string // the change that it meets
	proto    string // as conntrack calls it
	src, dst string // dst without port for protocols that have none
	entry    nstest.Flow
	conn     net.Conn
	stream   *nstest.Stream // instead, of TCP that stays
	syn      chan string    // who answers at last
}

// open opens a flow and has it answered, if there is anybody to answer.
func (s *site) open(t *testing.T, f liveFlow) *openFlow {
	t.Helper()
	o := &openFlow{liveFlow: f}
	host, call, other := strings.Cut(f.call, ": ")
	from := map[string]*nstest.Host{"gateway": s.Gateway, "outside": s.Outside}[host]
	if !other {
		from, call = s.Office, f.call
	}
	if _, err := fmt.Sscanf(call, "%s %s > %s", &o.proto, &o.src, &o.dst); err != nil {
		t.Fatalf("%q: %v", call, err)
	}
	var err error
	switch o.proto {
	case "udp", "tcp":
		if o.proto == "tcp" && !o.ends {
			if o.stream, err = from.OpenStream(o.src, o.dst); err == nil {
				t.Cleanup(func() { o.stream.Close() })
			}
			break
		}
		if o.conn, err = from.Dial(o.proto, o.src, o.dst); err == nil {
			t.Cleanup(func() { o.conn.Close() })
			_, err = nstest.AskOn(o.conn)
		}
	case "syn":
		o.proto, o.syn = "tcp", make(chan string, 1)
		go func() {
			c, err := from.DialWithin(10*nstest.Patience, "tcp", o.src, o.dst)
			if err != nil {
				o.syn <- err.Error()
				return
			}
			defer c.Close()
			o.syn <- answered(nstest.AskOn(c))
		}()
	case "icmp":
		err = from.Ping(t.Context(), o.src, o.dst)
		if strings.Contains(o.src, ":") {
			o.proto = "icmpv6"
		}
	case "sctp":
		err = from.SendSCTP(4000, netip.MustParseAddrPort(o.dst))
	default:
		t.Fatalf("no protocol %q", o.proto)
	}
	if err != nil {
		t.Fatalf("%s: %v", f.call, err)
	}
	return o
}

// answered says what a call met, as packet.want does.
func answered(a nstest.Answer, err error) string {
	switch {
	case errors.Is(err, nstest.ErrRefused):
		return "refused"
	case errors.Is(err, nstest.ErrSilent):
		return "silent"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%s sees %s", a.Host, a.Peer.Addr())
}

// note looks up the conntrack entries of flows, all of which must be there.
func (s *site) note(t *testing.T, opened []*openFlow) {
	t.Helper()
	var missing []string
	for deadline := time.Now().Add(nstest.Patience); ; time.Sleep(5 * time.Millisecond) {
		entries, err := s.Gateway.Flows(context.Background())
		must(t, err)
		missing = nil
		for _, o := range opened {
			i := slices.IndexFunc(entries, o.is)
			if i < 0 {
				missing = append(missing, o.of+": "+o.call)
				continue
			}
			o.entry = entries[i]
		}
		if missing == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no conntrack entries of\n%s\nin\n%v", strings.Join(missing, "\n"), entries)
		}
	}
}

// is tells whether an entry is the flow's.
func (o *openFlow) is(f nstest.Flow) bool {
	to := f.Orig.Dst.String()
	if f.Orig.Dst.Port() == 0 {
		to = f.Orig.Dst.Addr().String()
	}
	return f.Proto == o.proto && f.Orig.Src.Addr() == netip.MustParseAddr(o.src) && to == o.dst
}

// judge checks which flows still stand, and what becomes of their next packets.
func (s *site) judge(t *testing.T, opened []*openFlow) {
	t.Helper()
	entries, err := s.Gateway.Flows(context.Background())
	must(t, err)
	for _, o := range opened {
		stands := slices.ContainsFunc(entries, func(f nstest.Flow) bool {
			return f.Proto == o.proto && f.Orig == o.entry.Orig && f.Reply == o.entry.Reply
		})
		if stands == o.ends {
			t.Errorf("%s: %s stands: %v, want %v: %s", o.of, o.call, stands, !o.ends, o.entry.Raw)
		}
		if got := o.next(); got != o.then {
			t.Errorf("%s: %s meets %q, want %q", o.of, o.call, got, o.then)
		}
	}
}

// next sends one more packet of a flow and says what it meets; of a stream only what is wrong.
func (o *openFlow) next() string {
	switch {
	case o.stream != nil:
		if err := o.stream.Alive(); err != nil {
			return err.Error()
		}
		return ""
	case o.then == "":
		return ""
	case o.syn != nil:
		return <-o.syn
	case o.proto == "tcp":
		o.conn.SetDeadline(time.Time{})
		if _, err := o.conn.Write([]byte("more\n")); err != nil {
			return err.Error()
		}
	}
	return answered(nstest.AskOn(o.conn))
}

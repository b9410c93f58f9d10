package ct

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Report is what a Tally says of a policy: every service and every zone, by name. As JSON it is
// what `snatctl status` prints; fields without a key there are for people.
type Report struct {
	Services  []ServiceReport `json:"services"`
	Zones     []ZoneReport    `json:"zones"`
	Conntrack Conntrack       `json:"conntrack"`
	Totals    Totals          `json:"-"`
}

// Conntrack is the state of the kernel's table. The tally fills Entries, the caller the rest.
type Conntrack struct {
	Entries      uint64 `json:"entries"`
	Max          uint64 `json:"max"`           // net.netfilter.nf_conntrack_max; 0: not known
	InsertFailed uint64 `json:"insert_failed"` // new connections that got no port or lost a race
}

// ServiceReport is a service and its flows.
type ServiceReport struct {
	Name      string         `json:"name"`
	VIP       []string       `json:"vip"`
	Ports     []string       `json:"ports"`
	Mark      uint32         `json:"mark,omitempty"` // in place of VIP and Ports, which are empty then
	Mode      string         `json:"mode"`
	Scheduler string         `json:"scheduler"`
	Flows     uint64         `json:"flows"` // those of Gone too
	New       uint64         `json:"new_connections"`
	Servers   []ServerReport `json:"real_servers"`
	Limits    []Limit        `json:"limits,omitempty"`
	Told      *Told          `json:"client_address,omitempty"` // nil: its real servers are not told who calls, or the counts may not be read
	Gone      []ServerReport `json:"-"`                        // what is no real server of it, and has flows still; weight -1
	Laddrs    []LaddrReport  `json:"-"`                        // mode fullnat
	AllListed bool           `json:"-"`                        // Laddrs has all that its pools have
	Past      uint64         `json:"-"`                        // of Flows: those with a real server or laddr that it does not have
	Uncounted bool           `json:"-"`                        // New of its real servers is not known, and 0
}

// Called is what clients call: "203.0.113.10 tcp/80", or "mark 7".
func (s *ServiceReport) Called() string {
	if s.Mark != 0 {
		return Front{Mark: s.Mark}.String()
	}
	return strings.Join(slices.Concat(s.VIP, s.Ports), " ")
}

// Told counts packets toward real servers that are told who calls (client_address), since the program was loaded.
type Told struct {
	SYN      uint64 `json:"syn"`       // with the option
	First    uint64 `json:"first"`     // behind the handshake, with the option
	NoRoom   uint64 `json:"no_room"`   // passed without: 40 bytes of options were no room
	TooLarge uint64 `json:"too_large"` // passed without: larger than the interface takes
	Failed   uint64 `json:"failed"`    // passed without: the kernel had no memory
}

// ServerReport is a real server and its flows. Port 0: the one that clients call, where the
// service takes several.
type ServerReport struct {
	Address    netip.Addr `json:"address"`
	Port       uint16     `json:"port"`
	Weight     int        `json:"weight"`
	Down       bool       `json:"-"`
	Flows      uint64     `json:"flows"`
	New        uint64     `json:"new_connections"`
	BytesIn    uint64     `json:"bytes_in"`
	BytesOut   uint64     `json:"bytes_out"`
	PacketsIn  uint64     `json:"-"`
	PacketsOut uint64     `json:"-"`
}

// ZoneReport is a zone and its flows.
type ZoneReport struct {
	Name      string        `json:"name"`
	Action    string        `json:"action"`
	Flows     uint64        `json:"flows"`
	New       uint64        `json:"new_connections"`
	Laddrs    []LaddrReport `json:"laddrs"`
	Limits    []Limit       `json:"limits,omitempty"`
	AllListed bool          `json:"-"` // Laddrs has all that its pools have
}

// LaddrReport is a laddr that a zone or service uses. A pool's are all listed up to
// fewLaddrs of them, of a larger one those with flows.
type LaddrReport struct {
	Address netip.Addr `json:"address"`
	Pool    string     `json:"-"`     // "" for one written in line, and for what is in none
	Flows   uint64     `json:"flows"` // of this zone or service
	// Busiest is where most ports of the laddr are in use, Ports their number; whoever uses them.
	Busiest  Destination `json:"busiest_destination"`
	Ports    int         `json:"busiest_destination_ports"`
	Capacity int         `json:"-"` // ports that may be in use toward one destination; 0: not bounded by ports
}

// fewLaddrs is up to where a pool is small enough to list all of it.
const fewLaddrs = 256

// Destination is where packets go: an address, protocol and port. The zero value is none.
type Destination struct {
	To    netip.AddrPort
	Proto inet.Proto
}

// String returns "8.8.8.8:443/tcp", "8.8.8.8/icmp", or "" for none.
func (d Destination) String() string { return string(d.append(nil)) }

func (d Destination) append(dst []byte) []byte {
	if !d.To.IsValid() {
		return dst
	}
	return appendProto(append(appendAddr(dst, d.Proto, d.To), '/'), d.Proto)
}

// MarshalJSON returns the text in quotes, null for none.
func (d Destination) MarshalJSON() ([]byte, error) {
	if !d.To.IsValid() {
		return []byte("null"), nil
	}
	return append(d.append([]byte{'"'}), '"'), nil
}

// compare orders destinations, so that of two as busy always the same is named.
func (d Destination) compare(o Destination) int {
	if c := d.To.Compare(o.To); c != 0 {
		return c
	}
	return int(d.Proto) - int(o.Proto)
}

// Report sums up. The tally may go on counting afterwards.
func (t *Tally) Report() Report {
	b := &t.index.bindings
	r := Report{
		Services:  make([]ServiceReport, len(b.Services)),
		Zones:     make([]ZoneReport, len(b.Zones)),
		Conntrack: Conntrack{Entries: t.totals.Entries},
		Totals:    t.totals,
	}
	l := t.listLaddrs()
	for i := range b.Services {
		r.Services[i] = t.service(i, l)
	}
	t.listGone(r.Services)
	for i := range b.Zones {
		z := &b.Zones[i]
		r.Zones[i] = ZoneReport{z.Name, z.Action, t.zones[i].flows, z.New, l.of(use{service: none, zone: int32(i)}, z.Pools), z.Limits, areFew(z.Pools)}
	}
	slices.SortFunc(r.Zones, func(a, b ZoneReport) int { return strings.Compare(a.Name, b.Name) })
	return r
}

func (t *Tally) service(i int, l *laddrList) ServiceReport {
	s, sum := &t.index.bindings.Services[i], t.services[i]
	r := ServiceReport{Name: s.Name, Mode: s.Mode, Scheduler: s.Scheduler, Flows: sum.flows, Past: sum.past, New: s.New, Uncounted: s.Uncounted, Limits: s.Limits, VIP: []string{}, Ports: []string{}}
	for _, f := range s.Fronts {
		if f.Mark != 0 {
			r.Mark = f.Mark
			continue
		}
		if vip := f.VIP.String(); !slices.Contains(r.VIP, vip) {
			r.VIP = append(r.VIP, vip)
		}
		if ports := f.Ports.String(); !slices.Contains(r.Ports, ports) {
			r.Ports = append(r.Ports, ports)
		}
	}
	port := s.onlyPort()
	r.Servers = make([]ServerReport, len(s.Servers))
	for n, rs := range s.Servers {
		r.Servers[n] = t.servers[int(t.index.first[i])+n].report(rs)
		if rs.Port == 0 {
			r.Servers[n].Port = port
		}
	}
	r.Laddrs, r.AllListed = l.of(use{service: int32(i), zone: none}, s.Pools), areFew(s.Pools)
	return r
}

func (s *serverSum) report(rs Server) ServerReport {
	return ServerReport{Address: rs.Addr, Port: rs.Port, Weight: rs.Weight, Down: rs.Down, New: rs.New, Flows: s.flows,
		BytesIn: s.in.Bytes, BytesOut: s.out.Bytes, PacketsIn: s.in.Packets, PacketsOut: s.out.Packets}
}

// onlyPort returns the port that the service takes connections at, 0 if there are several.
func (s *Service) onlyPort() uint16 {
	var only uint16
	for _, f := range s.Fronts {
		if !f.Ports.Ports.Single() || only != 0 && only != f.Ports.Ports.First {
			return 0
		}
		only = f.Ports.Ports.First
	}
	return only
}

// listGone lists the flows of what is no real server of its service.
func (t *Tally) listGone(services []ServiceReport) {
	for key, sum := range t.gone {
		s := &services[key.service]
		s.Gone = append(s.Gone, sum.report(Server{Addr: key.at.Addr(), Port: key.at.Port(), Weight: -1}))
	}
	for i := range services {
		slices.SortFunc(services[i].Gone, func(a, b ServerReport) int {
			return netip.AddrPortFrom(a.Address, a.Port).Compare(netip.AddrPortFrom(b.Address, b.Port))
		})
	}
}

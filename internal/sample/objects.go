package sample

import (
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Objects returns named objects: every kind, in all its forms.
func Objects() []nft.Object {
	patient, hasty := nft.DefaultTimeouts(inet.TCP), nft.Timeouts{}
	patient[nft.TCPEstablished] = 2 * time.Hour
	for i := range nft.TimeoutStates(inet.TCP) {
		hasty[i] = time.Duration(i+1) * time.Second
	}
	return []nft.Object{
		nft.NamedCounter{Name: "hits"},
		nft.NamedCounter{Name: "web", Comment: "web: every"},
		nft.CtHelper{Name: "ftp", Comment: "active", Helper: "ftp", Proto: inet.TCP},
		nft.CtHelper{Name: "ftp4", Helper: "ftp", Proto: inet.TCP, Family: inet.V4},
		nft.CtHelper{Name: "ftp6", Helper: "ftp", Proto: inet.TCP, Family: inet.V6},
		nft.Limit{Name: "slow", Rate: 10, Unit: nft.PerSecond},
		nft.Limit{Name: "often", Comment: "web", Rate: 3, Unit: nft.PerMinute, Burst: 30, Over: true},
		nft.Limit{Name: "octets", Rate: 1500, Unit: nft.PerDay, Bytes: true},
		nft.Limit{Name: "many", Rate: 1 << 20, Unit: nft.PerMinute, Burst: 4096, Bytes: true, Over: true},
		nft.Limit{Name: "hits", Rate: 1, Unit: nft.PerWeek, Burst: 1}, // a name that a counter has, too
		nft.CtTimeout{Name: "patient", Comment: "web", Proto: inet.TCP, After: patient},
		nft.CtTimeout{Name: "hasty", Proto: inet.TCP, Family: inet.V4, After: hasty},
		nft.CtTimeout{Name: "dns", Proto: inet.UDP, Family: inet.V6, After: nft.Timeouts{nft.UDPUnreplied: 5 * time.Second, nft.UDPReplied: 20 * time.Second}},
		nft.SynProxy{Name: "plain", MSS: 1460},
		nft.SynProxy{Name: "full", Comment: "web", MSS: 1400, WScale: 14, Timestamp: true, SackPerm: true},
		nft.SynProxy{Name: "stamps", MSS: 536, WScale: 7, Timestamp: true},
		nft.SynProxy{Name: "selective", MSS: 65535, WScale: 1, SackPerm: true},
	}
}

// Using returns a table with some objects, a rule that uses each, and for each that maps may
// hand out a map and a rule that looks into it.
func Using(objects []nft.Object) *nft.Ruleset {
	r := &nft.Ruleset{Table: "objects", Objects: objects}
	forward := &nft.Chain{Name: "forward", Hook: &nft.Hook{Type: "filter", Point: "forward"}}
	by := map[nft.ObjectKind]*nft.Set{}
	for i, o := range objects {
		ref := o.Ref()
		forward.Rules = append(forward.Rules, nft.Rule{Stmts: []nft.Stmt{nft.L4Is{Protos: []inet.Proto{inet.TCP}}, nft.Use{Object: ref}}})
		if !ref.Kind.HasMaps() {
			continue
		}
		m := by[ref.Kind]
		if m == nil {
			m = &nft.Set{Name: ref.Kind.String() + "-by", Key: []nft.Type{nft.IPv4}, Data: nft.ObjectData, Objects: ref.Kind}
			by[ref.Kind] = m
			r.Sets = append(r.Sets, m)
			forward.Rules = append(forward.Rules, nft.Rule{Stmts: []nft.Stmt{
				nft.L4Is{Protos: []inet.Proto{inet.TCP}}, nft.UseBy{Kind: ref.Kind, Key: []nft.Field{nft.F(nft.IPSaddr)}, Map: m.Name}}})
		}
		m.Elements = append(m.Elements, nft.Element{Key: string([]byte{10, 0, 0, byte(i + 1)}), Data: ref.Name, Comment: "number " + ref.Name})
	}
	r.Chains = []*nft.Chain{forward}
	return r
}

package law

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// helpers draws helpers of a zone or service: at ports that services have, and at their own.
func (g *maker) helpers() string {
	return g.pick("ftp", "ftp", "tftp", "sip", "pptp", "h323", "[ftp, sip]", "ftp/80", "ftp/79-81", "tftp/80", "sip/80-81", "pptp/80", "h323/81-90", "[ftp/80, pptp/81]", "[tftp/81, sip/80]", "[ftp, h323, sip/82-65535]")
}

// controls adds the ports that helpers read, and those beside them.
func (a *aim) controls(list []policy.Control) {
	for _, c := range list {
		a.portsOf([]inet.ProtoPorts{{Proto: c.Proto, Ports: c.Ports}})
	}
}

// use hands the packet to an object.
func (w *walk) use(s nft.Use) {
	switch o := w.machine.objects[s.Object].(type) {
	case nft.CtHelper:
		// The first that is for the connection's protocol and family stays (nft_ct_helper_obj_eval).
		if w.out.Helper == "" && o.Proto == w.pkt.Proto && (o.Family == 0 || o.Family == w.family) {
			w.out.Helper = o.Name
		}
	case nft.CtTimeout:
		w.lifetime(o)
	default:
		fail("nobody knows what %s does", s)
	}
}

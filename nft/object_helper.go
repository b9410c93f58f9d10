package nft

import (
	"strconv"

	"github.com/snatctl/snatctl/inet"
)

// CtHelper lets a helper of conntrack look into a flow, and expect those that it speaks of
// (net/netfilter/nft_ct.c, nft_ct_helper_obj_init).
type CtHelper struct {
	Name    string
	Comment string
	Helper  string      // its name in the kernel: "ftp", "sip", "pptp"
	Proto   inet.Proto  // of the flows
	Family  inet.Family // of the flows; zero: both. A helper that has one family alone is read back as of that one
}

var ctHelperWords = objectWords{block: "ct helper", use: "ct helper set"}

// Ref returns kind and name.
func (o CtHelper) Ref() Ref { return Ref{KindCtHelper, o.Name} }

// Remark returns the comment.
func (o CtHelper) Remark() string { return o.Comment }

func (o CtHelper) settings() []string {
	return []string{"type " + strconv.Quote(o.Helper) + " protocol " + o.Proto.String(), "l3proto " + l3proto(o.Family)}
}

// Bare returns what is compared.
func (o CtHelper) Bare() Object { return o }

// l3proto returns the families of the flows that an object is for as nft writes them.
func l3proto(f inet.Family) string {
	switch f {
	case inet.V4:
		return "ip"
	case inet.V6:
		return "ip6"
	}
	return "inet"
}

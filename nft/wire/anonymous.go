package wire

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// anonName is the name under which anonymous sets are created (nf_tables_set_alloc_name).
const anonName = "__set%d"

// addAnonymous makes an anonymous set of protocols, which gets the number id.
func (t *Batch) addAnonymous(id uint32, protos []inet.Proto, o origin) {
	t.start(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, o)
	t.b = appendAnonymous(t.b, id)
	t.end()
	t.start(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, o)
	t.b = appendProtocols(t.b, id, protos)
	t.end()
}

// appendAnonymous appends the attributes that declare an anonymous set of protocols, behind
// the table: the kernel gives it a name, and id names it within the transaction.
func appendAnonymous(b []byte, id uint32) []byte {
	b = nfnl.AppendString(b, setName, anonName)
	b = nfnl.AppendU32(b, setFlags, unix.NFT_SET_ANONYMOUS|unix.NFT_SET_CONSTANT)
	b = nfnl.AppendU32(b, setKeyType, typeInetProto)
	b = nfnl.AppendU32(b, setKeyLen, 1)
	b = nfnl.AppendU32(b, setID, id)
	return nfnl.AppendAttr(b, setUserData, tlv(tlv32(nil, udKeyByteorder, orderHost), udKeyTypeof, typeof(nft.Proto)))
}

// appendProtocols appends what an anonymous set of protocols holds, behind the table.
func appendProtocols(b []byte, id uint32, protos []inet.Proto) []byte {
	b = nfnl.AppendString(b, listSet, anonName)
	b = nfnl.AppendU32(b, listSetID, id)
	b, list := nfnl.OpenNest(b, listElements)
	for _, p := range protos {
		var at int
		b, at = nfnl.OpenNest(b, listElem)
		b = appendValue(b, elemKey, string([]byte{byte(p)}))
		nfnl.CloseNest(b, at)
	}
	nfnl.CloseNest(b, list)
	return b
}

// anonForm lists an anonymous set's protocols for the form of its rule.
func anonForm(ps []inet.Proto) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = strconv.Itoa(int(p))
	}
	return "{" + strings.Join(names, ",") + "}"
}

// AnonymousForm lists an anonymous set that was read as Forms does: protocol numbers in order.
func AnonymousForm(s *nft.Set) string {
	var has [256]bool
	for _, e := range s.Elements {
		if len(e.Key) == 0 || e.Data != "" || e.Verdict != (nft.Verdict{}) || len(e.Key) > 1 && strings.Trim(e.Key[1:], "\x00") != "" {
			return fmt.Sprintf("{%+v}", s.Elements) // not ours: differs from all that are
		}
		has[e.Key[0]] = true
	}
	var out []string
	for p, ok := range has {
		if ok {
			out = append(out, fmt.Sprint(p))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

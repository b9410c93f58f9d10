package wire

import "encoding/binary"

// NoNew tells whether a match of iptables holds for no new or untracked connection: `-m conntrack
// --ctstate`, and `-m state`. info is what the kernel holds of it: struct xt_conntrack_mtinfo1 to 3
// or xt_state_info (include/uapi/linux/netfilter/xt_conntrack.h, xt_state.h).
func NoNew(match string, revision uint8, info []byte) bool {
	const (
		isNew       = 1 << 3 // XT_CONNTRACK_STATE_BIT(IP_CT_NEW)
		translated  = 1<<6 | 1<<7
		isUntracked = 1 << 8
		wasNew      = 1<<3 | 1<<6 // XT_STATE_BIT(IP_CT_NEW), XT_STATE_UNTRACKED
	)
	if match == "state" {
		return len(info) >= 4 && binary.NativeEndian.Uint32(info)&wasNew == 0
	}
	// Behind addresses, expiry, protocol and ports: what is asked, what of it is turned around,
	// and the mask of states, of one byte up to revision 1.
	const asked, inverted, mask, askState = 146, 148, 150, 1
	if match != "conntrack" || revision < 1 || len(info) < mask+2 || binary.NativeEndian.Uint16(info[asked:])&askState == 0 {
		return false
	}
	states := binary.NativeEndian.Uint16(info[mask:])
	if revision == 1 {
		states = uint16(info[mask])
	}
	if binary.NativeEndian.Uint16(info[inverted:])&askState != 0 {
		return states&(isNew|isUntracked) == isNew|isUntracked
	}
	return states&(isNew|isUntracked|translated) == 0
}

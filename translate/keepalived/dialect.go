package keepalived

import (
	"strconv"

	"github.com/snatctl/snatctl/translate"
)

// marks are the words that only one family of programs has, the most telling first.
var marks = []struct {
	dialect translate.Dialect
	words   map[string]bool // of keywords
}{
	{translate.LVSSNATv2, map[string]bool{"snat_rule": true}},
	{translate.DPVS, map[string]bool{"src-range": true, "dst-range": true, "hash_target": true, "establish_timeout": true, "proxy_protocol": true,
		"expire_quiescent_conn": true, "quic": true, "tunnel_group": true, "deny_address_group": true, "allow_address_group": true, "daddr_group_name": true,
		"waddr_group_name": true, "dpdk_interface": true}},
	{translate.AlibabaV3, map[string]bool{"est_timeout": true}},
	{translate.AlibabaV2, map[string]bool{"laddr_group_name": true, "local_address_group": true, "syn_proxy": true, "vip_bind_dev": true, "FNAT": true}},
}

// dialect tells whose configuration it is, and by what.
func dialect(all []*Statement) (translate.Dialect, string) {
	for _, s := range all {
		if s.Word(0) == "zone" && s.Block {
			return translate.DSNAT, "zone at line " + strconv.Itoa(s.At.Line)
		}
	}
	for _, s := range all {
		if s.Word(0) == "virtual_server" && s.Word(1) == "0.0.0.0" && find(s.Body, map[string]bool{"FNAT": true}) != nil {
			return translate.DSNAT, "virtual_server 0.0.0.0 at line " + strconv.Itoa(s.At.Line)
		}
	}
	for _, m := range marks {
		if s := find(all, m.words); s != nil {
			return m.dialect, s.Word(0) + " at line " + strconv.Itoa(s.At.Line)
		}
	}
	return translate.IPVS, "nothing of the other dialects"
}

// find returns the first statement, in the order written, with a keyword or a first word behind it.
func find(all []*Statement, words map[string]bool) *Statement {
	for _, s := range all {
		if words[s.Word(0)] || words[s.Word(1)] && s.Word(0) == "lb_kind" {
			return s
		}
		if in := find(s.Body, words); in != nil {
			return in
		}
	}
	return nil
}

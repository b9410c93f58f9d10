package compiler

import "github.com/snatctl/snatctl/policy"

// Codes returns what Compile's diagnostics may be about, in the order of their codes: what is
// valid and cannot be carried out. Codes are never reused: K03, K07, and X01 for keys that a version
// could not carry out yet, are taken.
func Codes() []policy.Code {
	return []policy.Code{
		{Code: "K01", Meaning: "The policy needs more nftables chains than a table may have."},
		{Code: "K02", Meaning: "A pool needs its addresses listed one by one, and has too many for that."},
		{Code: "K04", Meaning: "IPv6 sources have blocks of ports, which nft cannot handle."},
		{Code: "K05", Meaning: "VIPs are the addresses of an interface, and nobody told which these are."},
		{Code: policy.NoNode, Meaning: "The policy is for several nodes, and this machine is none of them, or nobody told which."},
	}
}

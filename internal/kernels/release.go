package kernels

import "fmt"

// Release is a release of Debian that guests are made of.
type Release struct {
	Suite  string // as Debian's mirror calls it: "bookworm"
	Kernel string // series of its kernel, by which users choose it: "6.1"; empty: has none that we use
	NFT    string // version of its nft: "1.0.6"; empty: has none
}

// Releases are those that Debian's mirror has, oldest kernel first. Suites that move name the
// series that they held when they were last looked at.
func Releases() []Release {
	return []Release{
		{Suite: "bullseye", Kernel: "5.10", NFT: "0.9.8"},
		{Suite: "bookworm", Kernel: "6.1", NFT: "1.0.6"},
		{Suite: "trixie", Kernel: "6.12", NFT: "1.1.3"},
		{Suite: "trixie-backports", Kernel: "7.3"},
		{Suite: "sid", NFT: "1.1.7"},
	}
}

// Find returns the guest with a kernel, by series or suite, and an nft, by version or suite.
// An empty nft is that of the kernel's release, or the newest where that has none.
func Find(kernel, nft string) (Guest, error) {
	var g Guest
	for _, r := range Releases() {
		if r.Kernel != "" && (kernel == r.Kernel || kernel == r.Suite) {
			g.Kernel = r
		}
	}
	if g.Kernel.Suite == "" {
		return g, fmt.Errorf("no kernel %q: there are %s", kernel, known(func(r Release) string { return r.Kernel }))
	}
	for _, r := range Releases() {
		if r.NFT != "" && (nft == "" && g.Userland.Suite != g.Kernel.Suite || nft == r.NFT || nft == r.Suite) {
			g.Userland = r
		}
	}
	if g.Userland.Suite == "" {
		return g, fmt.Errorf("no nft %q: there are %s", nft, known(func(r Release) string { return r.NFT }))
	}
	return g, nil
}

func known(name func(Release) string) (list string) {
	for _, r := range Releases() {
		switch n := name(r); {
		case n != "" && list != "":
			list += ", " + n
		case n != "":
			list = n
		}
	}
	return list
}

// Package toalink is the kernel's side of package toa: it loads the program, attaches it to interfaces, and
// reads what stands.
//
// A program and its maps are loaded together and never changed: other services are another program, which
// takes the place of the one before in one step at each interface. It is a filter of tc at clsact, which all
// kernels have that can run it. The filter's name has a digest of what the program knows, so what stands is
// compared without reading a map, which takes CAP_SYS_ADMIN. Nothing is pinned: with the filters all is gone.
//
// It works in the network namespace of the thread that calls.
package toalink

// Package kernels runs programs on other kernels: Debian's, with Debian's nft, in a virtual
// machine that lives as long as the program runs.
//
// A [Guest] is a kernel and a userland, each from a release of Debian. Both come from Debian's
// mirror by an apt that knows of nothing on this machine: its lists, packages and what is made
// of them lie in one directory, and nothing is installed. qemu boots the kernel with all in its
// memory: an archive of the userland, one of the kernel's modules, and one of the [Job]. There is
// no disk, no network and no way back but a serial line. Root is not needed.
//
// Needed on this machine: qemu-system-x86_64, and Debian's apt-get, dpkg-deb and xz. With a
// usable /dev/kvm a guest takes seconds to boot and runs at full speed; without, qemu translates
// every instruction, and programs take about ten times as long.
package kernels

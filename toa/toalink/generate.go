package toalink

// The compiled program is committed, so that nobody needs a compiler to build snatctl.
//
//go:generate go tool bpf2go -cc clang -strip llvm-strip -target bpfel,bpfeb -no-global-types -cflags "-O2 -g -Wall -Werror -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu" program ../bpf/toa.c

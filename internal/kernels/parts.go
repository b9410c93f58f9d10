package kernels

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// programs are the packages of the userland. Tests run scripts by dash, since busybox's shell prefers its
// own ip to iproute2's.
var programs = []string{"dash", "nftables", "conntrack", "iproute2", "iptables", "iputils-ping", "ipvsadm", "util-linux", "busybox-static"}

// Packages that others depend on and that no guest needs.
var (
	anyPackage = regexp.MustCompile(`^(busybox-static|conntrack|dash|ip.*|lib[^g].*|libg[^c].*|libgc.*|netbase|nftables|util-linux.*|zlib1g)$`)
	kernelOnly = regexp.MustCompile(`^linux-(image|binary|modules)-[0-9]`)
)

// unwanted are files of packages that no guest reads; wantedModules what it may load: nothing
// that drives hardware.
var (
	unwanted      = regexp.MustCompile(`^usr/(share/(doc|man|locale|info|lintian|bash-completion|bug|perl.*)|lib/x86_64-linux-gnu/(gconv|perl.*))/`)
	wantedModules = regexp.MustCompile(`/kernel/(net|lib|crypto|arch/x86/crypto|drivers/net/[a-z_0-9]+\.ko|drivers/net/(bonding|vxlan|wireguard|ipvlan|macvlan))/?`)
)

// userland makes the archive of a release's programs, if it is not there yet, and returns its
// path.
func userland(ctx context.Context, r Release, dir string) (string, error) {
	return once(filepath.Join(dir, fmt.Sprintf("userland-%08x.cpio", crc32.ChecksumIEEE([]byte(strings.Join(programs, " "))))), func(a *archive) error {
		apt, err := openApt(ctx, r.Suite, dir)
		if err != nil {
			return err
		}
		debs, err := apt.packages(ctx, anyPackage, programs...)
		if err != nil {
			return err
		}
		// Releases differ in where a file is; guests have all of it below /usr.
		for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
			a.add("usr/"+d, fs.ModeDir|0o755, 0, nil)
			a.link(d, "usr/"+d)
		}
		for _, deb := range debs {
			if err := contents(ctx, deb, a.packaged); err != nil {
				return err
			}
		}
		a.link("usr/sbin/modprobe", "../bin/busybox") // which the kernel itself calls
		a.text("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
		a.text("etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n")
		return nil
	})
}

// packaged enters a file of a package.
func (a *archive) packaged(h *tar.Header, r io.Reader) error {
	name := path.Clean(h.Name)
	if top, _, _ := strings.Cut(name, "/"); top == "bin" || top == "sbin" || strings.HasPrefix(top, "lib") {
		name = "usr/" + name
	}
	switch {
	case unwanted.MatchString(name+"/") || h.Typeflag == tar.TypeLink:
	case h.Typeflag == tar.TypeSymlink:
		a.link(name, h.Linkname)
	case !a.seen[name]:
		a.add(name, h.FileInfo().Mode(), h.Size, r)
	}
	return a.err
}

// kernel makes a release's kernel and the archive of its modules, if they are not there yet,
// and returns their paths.
func kernel(ctx context.Context, r Release, dir string) (image, modules string, err error) {
	image = filepath.Join(dir, "vmlinuz")
	modules, err = once(filepath.Join(dir, "modules.cpio"), func(a *archive) error {
		apt, err := openApt(ctx, r.Suite, dir)
		if err != nil {
			return err
		}
		debs, err := apt.packages(ctx, kernelOnly, "linux-image-cloud-amd64")
		if err != nil {
			return err
		}
		for _, deb := range debs {
			err := contents(ctx, deb, func(h *tar.Header, r io.Reader) error {
				switch name := path.Clean(h.Name); {
				case strings.HasPrefix(path.Base(name), "vmlinuz") && h.Typeflag == tar.TypeReg:
					return save(image, r)
				case h.Typeflag == tar.TypeReg && (wantedModules.MatchString(name) || strings.Contains(name, "/modules.")):
					return a.module(ctx, "usr/"+strings.TrimPrefix(name, "usr/"), h, r)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if _, err := os.Stat(image); err != nil {
			return fmt.Errorf("no package of %s's kernel has it: %w", r.Suite, err)
		}
		return nil
	})
	return image, modules, err
}

// module enters a module without its compression, which costs a guest more than memory.
func (a *archive) module(ctx context.Context, name string, h *tar.Header, r io.Reader) error {
	plain, packed := strings.CutSuffix(name, ".xz")
	if !packed {
		a.add(name, 0o644, h.Size, r)
		return a.err
	}
	cmd := exec.CommandContext(ctx, "xz", "-dc")
	cmd.Stdin = r
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	a.add(plain, 0o644, int64(len(out)), bytes.NewReader(out))
	return a.err
}

// once makes an archive unless it is there, and returns its path.
func once(name string, fill func(*archive) error) (string, error) {
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	a := newArchive(f)
	if err := errors.Join(fill(a), a.close(), f.Close()); err != nil {
		return "", err
	}
	return name, os.Rename(f.Name(), name)
}

// contents calls f for every file of a Debian package.
func contents(ctx context.Context, deb string, f func(*tar.Header, io.Reader) error) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for t := tar.NewReader(out); err == nil; {
		var h *tar.Header
		if h, err = t.Next(); err == nil {
			err = f(h, t)
		}
	}
	if err == io.EOF {
		io.Copy(io.Discard, out) // the padding behind the archive
		err = nil
	} else {
		cmd.Process.Kill()
	}
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	return nil
}

func save(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

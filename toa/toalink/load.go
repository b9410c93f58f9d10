package toalink

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/toa"
)

// ErrUnsupported says that the kernel does not take the program; the error around it says why.
var ErrUnsupported = errors.New("this kernel cannot tell real servers who called (client_address: toa)")

// ErrNoPermission says which rights are missing.
var ErrNoPermission = errors.New("client_address: toa needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN to load its program, and CAP_SYS_RESOURCE or LimitMEMLOCK=infinity before Linux 5.11")

// load loads the program with all that it is to know. Connections go on as the earlier program knew them,
// which may be nil.
func load(p *toa.Program, earlier *held) (*programObjects, error) {
	spec, err := loadProgram()
	if err != nil {
		return nil, err
	}
	servers, keys := p.Servers(), 0
	for i := range p.Services {
		keys += len(p.Services[i].Keys())
	}
	spec.Maps["servers"].MaxEntries = uint32(max(1, len(servers)))
	spec.Maps["services"].MaxEntries = uint32(max(1, keys))
	spec.Maps["counts"].MaxEntries = uint32(max(1, len(p.Services)))
	var o ebpf.CollectionOptions
	if earlier != nil {
		o.MapReplacements = map[string]*ebpf.Map{"flows": earlier.flows}
	}
	// Before Linux 5.11 maps count as locked memory, of which a process has little. Who may not have more is told
	// by what fails.
	_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	objects := new(programObjects)
	if err := spec.LoadAndAssign(objects, &o); err != nil {
		return nil, explain(err)
	}
	if err := fill(objects, p, servers, earlier); err != nil {
		objects.Close()
		return nil, fmt.Errorf("fill the maps of the program that tells clients' addresses: %w", err)
	}
	return objects, nil
}

func fill(o *programObjects, p *toa.Program, servers []netip.Addr, earlier *held) error {
	for _, a := range servers {
		if err := o.Servers.Put(a.As16(), uint8(1)); err != nil {
			return err
		}
	}
	for i := range p.Services {
		s := &p.Services[i]
		for _, k := range s.Keys() {
			if err := o.Services.Put(serviceKey(k), s.ID()); err != nil {
				return err
			}
		}
		if err := o.Counts.Put(s.ID(), earlier.counted(s.ID())); err != nil {
			return err
		}
	}
	return nil
}

// explain says in an operator's words why a program does not load.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.As(err, &verifier) && !mayRead():
		return fmt.Errorf("%w: %w", ErrNoPermission, err)
	case errors.As(err, &verifier):
		return fmt.Errorf("%w: it refuses the program: %w", ErrUnsupported, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: %w", ErrNoPermission, err)
	}
	return fmt.Errorf("load the program that tells clients' addresses: %w", err)
}

// mayRead tells whether programs that this process loads may read the kernel's memory. Those of others are
// refused as if they were wrong.
func mayRead() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return true // the program's fault, then
	}
	const enough = 1 << (unix.CAP_PERFMON % 32) // beside CAP_SYS_ADMIN
	return caps[1].Effective&enough != 0 || caps[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

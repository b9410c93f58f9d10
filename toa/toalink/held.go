package toalink

import (
	"errors"

	"github.com/cilium/ebpf"
)

// held is programs that stand at an interface, and their maps. nil: there are none, or who asks may not see
// them, which takes CAP_SYS_ADMIN.
type held struct {
	programs [len(hooks)]*ebpf.Program
	flows    *ebpf.Map
	counts   *ebpf.Map
}

// hold takes hold of what stands at an interface.
func hold(at standing) (*held, error) {
	h := new(held)
	for i, hook := range hooks {
		for _, f := range at.ours {
			if f.Parent != hook.parent {
				continue
			}
			p, err := ebpf.NewProgramFromID(ebpf.ProgramID(f.Id))
			if err != nil {
				h.Close()
				return nil, err
			}
			h.programs[i] = p
		}
		if h.programs[i] == nil {
			h.Close()
			return nil, errors.New("one of its two programs is missing")
		}
	}
	info, err := h.programs[0].Info()
	if err != nil {
		h.Close()
		return nil, err
	}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			h.Close()
			return nil, err
		}
		about, err := m.Info()
		switch {
		case err == nil && about.Name == "flows":
			h.flows = m
		case err == nil && about.Name == "counts":
			h.counts = m
		default:
			m.Close()
		}
	}
	if h.flows == nil || h.counts == nil {
		h.Close()
		return nil, errors.New("its maps are missing")
	}
	return h, nil
}

// Close lets go of all.
func (h *held) Close() {
	if h == nil {
		return
	}
	for _, p := range h.programs {
		p.Close()
	}
	h.flows.Close()
	h.counts.Close()
}

// fds returns the programs as attach takes them.
func (h *held) fds() (fds programs) {
	for i, p := range h.programs {
		fds[i] = p.FD()
	}
	return fds
}

// counted returns what a service has been counted so far, for each processor.
func (h *held) counted(service uint64) []Count {
	none := make([]Count, ebpf.MustPossibleCPU())
	if h == nil {
		return none
	}
	var so []Count
	if h.counts.Lookup(service, &so) != nil {
		return none
	}
	return so
}

package ct

// Masters remembers the masters of related flows. The kernel tells them when a flow begins and
// when it is listed, but not when it changes or ends (ctnetlink_conntrack_event). The zero value
// remembers nothing yet; it is not safe for concurrent use.
type Masters struct{ of map[FlowName]Tuple }

// mostMasters bounds what is kept of flows whose end was lost. Beyond it all are forgotten: what
// ends then belongs to nobody.
const mostMasters = 1 << 16

// Listed notes the master of a flow that was listed.
func (m *Masters) Listed(f *Flow) {
	if !f.Master.Src.IsValid() {
		return
	}
	if m.of == nil || len(m.of) >= mostMasters {
		m.of = make(map[FlowName]Tuple)
	}
	m.of[f.Name()] = f.Master
}

// Heard notes the master of a flow that begins, and fills it in for one that changes or ends.
func (m *Masters) Heard(e *Event) {
	if !e.Flow.related() {
		return
	}
	name := e.Flow.Name()
	if e.Flow.Master.Src.IsValid() {
		m.Listed(&e.Flow)
	} else {
		e.Flow.Master = m.of[name]
	}
	if e.Kind == Destroy {
		delete(m.of, name)
	}
}

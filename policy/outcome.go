package policy

// Outcome is a test of the policy and what came out.
type Outcome struct {
	Test       *Test
	Packet     Packet
	Decision   Decision
	Mismatches []Mismatch // none: it passed
}

// Failed tells whether anything is not as the test expects it.
func (o Outcome) Failed() bool { return len(o.Mismatches) > 0 }

// RunTests runs all tests of a policy, in their order.
func (p *Policy) RunTests() []Outcome {
	out := make([]Outcome, len(p.Tests))
	for i := range p.Tests {
		o := Outcome{Test: &p.Tests[i], Packet: p.Packet(&p.Tests[i])}
		o.Decision = p.DecideAll(o.Packet)
		o.Mismatches = o.Test.Expect.Compare(&o.Decision)
		out[i] = o
	}
	return out
}

package policy

// checkLimits applies the rules about limits that are written.
func (c *checker) checkLimits(at Pos, about Object, written bool, l *Limits) {
	switch {
	case !written:
	case !l.Any():
		c.Fault(at, "L01", about, "write `connections`, `connections_per_client` or `new_per_client`, or remove `limits`", "its limits limit nothing")
	}
}

// checkZoneLimits reports limits of a zone that lets no connection pass.
func (c *checker) checkZoneLimits(z *Zone) {
	about := Object{"zone", z.Name}
	c.checkLimits(z.At("limits"), about, z.Has("limits"), &z.Limits)
	if z.Has("limits") && (z.Action == Drop || z.Action == Reject) {
		c.Fault(z.At("limits"), "L01", about, "remove `limits`, or write another action", "it has limits, but its action %s refuses all connections", z.Action)
	}
}

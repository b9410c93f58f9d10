package policy

// limits notes what bounds connections such as the packet's. A packet alone does not tell how many
// others there are, so limits decide nothing here.
func (d *decider) limits(of string, l *Limits) {
	if l.Any() {
		d.Limits = l
		d.say("%s: limits: %s", of, l.Text(d.family))
	}
}

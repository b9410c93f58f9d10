package balance

// quorum counts the servers that are up, and tells whether they are too few. The quorum is a share
// of the servers that have a weight in the policy or by an override: draining one by hand makes
// the others no more.
func (d *decision) quorum(wasShort bool) (short bool) {
	all, able := 0, 0
	for i, w := range d.Admin {
		if w > 0 || d.service.Servers[i].Weight > 0 {
			all++
		}
		if w > 0 {
			able++
			if !d.Down[i] {
				d.Up++
			}
		}
	}
	d.Need = d.service.Quorum.Need(all)
	enough := d.Need
	if wasShort {
		// All that could be up are always enough, or a large hysteresis would keep the service
		// closed for good.
		enough = max(d.Need, min(d.Need+max(0, d.service.Hysteresis), able))
	}
	d.Met = d.Up >= enough
	return !d.Met
}

// panic disregards health where a smaller share than the service's is up. Servers that an
// operator took down stay down: their number says nothing about the check.
func (d *decision) panic() {
	if d.service.Panic <= 0 {
		return
	}
	able, up := 0, 0
	byHand := func(i int) bool { return d.service.Servers[i].Override.In(d.now).Kind == ForceDown }
	for i, w := range d.Admin {
		if w > 0 && !byHand(i) {
			able++
			if !d.Down[i] {
				up++
			}
		}
	}
	if up == able || up*100 >= able*d.service.Panic {
		return
	}
	d.Panic = true
	for i := range d.Down {
		d.Down[i] = byHand(i)
	}
}

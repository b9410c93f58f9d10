package policy

// Announce is how the host tells routers which VIPs and laddrs it has. The zero value tells nobody.
type Announce struct {
	Where
	BIRD   string // whole path of a file that BIRD 2 includes; empty: there is none
	Socket string // whole path of BIRD's control socket; empty: one of where BIRD puts it
}

// DefaultBIRDSockets are where BIRD has its control socket unless it is told otherwise: as Debian and
// Fedora build it, and as its own sources do.
var DefaultBIRDSockets = []string{"/run/bird/bird.ctl", "/run/bird.ctl", "/var/run/bird.ctl", "/usr/local/var/run/bird.ctl"}

// Sockets are where to look for BIRD, in this order.
func (a Announce) Sockets() []string {
	if a.Socket != "" {
		return []string{a.Socket}
	}
	return DefaultBIRDSockets
}

// checkAnnounce refuses what no router can use: a backup that announces what another node has.
func (c *checker) checkAnnounce() {
	if c.Announce.BIRD != "" && len(c.Nodes) > 0 && c.Fleet.Mode == ActiveBackup {
		c.Fault(c.Announce.Pos, "F15", Object{"announce", ""}, "remove it; keepalived moves the addresses of a pair",
			"in active-backup all nodes would announce the same laddrs, also the one that waits")
	}
}

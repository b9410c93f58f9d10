package gateway

import (
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/toa"
	"github.com/snatctl/snatctl/toa/toalink"
)

// enterTold enters how many packets told real servers who calls. Who may not read that, for it takes
// CAP_SYS_ADMIN, gets a report without.
func (r *Reader) enterTold(report *ct.Report) {
	all, err := toalink.Counts(r.table)
	if err != nil || len(all) == 0 {
		return
	}
	for i := range report.Services {
		s := &report.Services[i]
		if c, ok := all[(&toa.Service{Name: s.Name}).ID()]; ok {
			s.Told = &ct.Told{SYN: c.SYN, First: c.First, NoRoom: c.Options, TooLarge: c.Size, Failed: c.Failed}
		}
	}
}

package report

import "github.com/snatctl/snatctl/ct"

// Narrow takes all but the one service and the one zone that are asked for out of a report: of one alone, all
// of the other kind, too. Without names it takes nothing out. A name that is not there is an error.
func Narrow(r *ct.Report, service, zone string) error {
	if service == "" && zone == "" {
		return nil
	}
	services, zones := []ct.ServiceReport{}, []ct.ZoneReport{}
	var allServices, allZones []string
	for _, s := range r.Services {
		allServices = append(allServices, s.Name)
		if s.Name == service {
			services = append(services, s)
		}
	}
	for _, z := range r.Zones {
		allZones = append(allZones, z.Name)
		if z.Name == zone {
			zones = append(zones, z)
		}
	}
	r.Services, r.Zones = services, zones
	switch {
	case service != "" && len(services) == 0:
		return Unknown("service", service, allServices)
	case zone != "" && len(zones) == 0:
		return Unknown("zone", zone, allZones)
	}
	return nil
}

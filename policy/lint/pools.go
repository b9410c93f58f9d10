package lint

func unusedPool(r *run) {
	used := make(map[string]bool)
	for i := range r.Zones {
		if p := r.Zones[i].Laddrs; p != nil {
			used[p.Name] = true
		}
	}
	for i := range r.Services {
		if p := r.Services[i].Laddrs; p != nil {
			used[p.Name] = true
		}
	}
	for i := range r.Laddrs {
		if p := &r.Laddrs[i]; !used[p.Name] {
			r.find(p.Pos, "pool "+p.Name, "name it in a zone or service, or remove it", "no zone and no service uses it")
		}
	}
}

package fleet

// Kept is how many policies of a fleet are kept in its history.
const Kept = 20

// Needed are the chunks of some policies.
func Needed(policies ...*Pointer) map[string]bool {
	all := map[string]bool{}
	for _, p := range policies {
		if p == nil {
			continue
		}
		for _, c := range p.Chunks {
			all[c.SHA256] = true
		}
	}
	return all
}

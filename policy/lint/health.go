package lint

// forAgent tells whether the policy is one that an agent carries out: it says somewhere what is
// checked, or that nothing is.
func (r *run) forAgent() bool {
	for i := range r.Services {
		if r.Services[i].Has("health_check") {
			return true
		}
	}
	return false
}

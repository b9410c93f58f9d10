package policy

// check applies the rules that look at a whole zone, pool or service, or at several.
func (l *loader) check() {}

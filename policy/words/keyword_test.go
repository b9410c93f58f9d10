package words

import "testing"

// TestDescribed holds that every key is described in full.
func TestDescribed(t *testing.T) {
	for _, k := range language {
		if k.Meaning == "" || k.Kind == "" || len(k.Errors) == 0 || (k.Kind == aWord || k.Kind == aCheckName) != (len(k.Words) > 0 && !k.List) || (k.Kind == aNumber || k.Kind == aQuorum) != (k.Max > 0) {
			t.Errorf("%s is not described in full", k.Path)
		}
	}
}

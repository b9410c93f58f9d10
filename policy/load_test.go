package policy

import (
	"path/filepath"
	"testing"
)

func TestValidPolicies(t *testing.T) {
	files, err := filepath.Glob("../testdata/valid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies to test with: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, ds := Load([]string{file}, nil)
			if len(ds) > 0 || p == nil {
				t.Fatalf("Load gave the policy %v and\n%v", p, ds)
			}
		})
	}
}

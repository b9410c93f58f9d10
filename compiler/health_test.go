package compiler

import (
	"os"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestHealthKeysAreNoTable holds that the table is the same with and without the keys of health,
// as long as every real server is up: only a State changes it.
func TestHealthKeysAreNoTable(t *testing.T) {
	text, err := os.ReadFile("../testdata/valid/health.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, ds := read.Parse([]policy.Source{{Name: "health.yaml", Data: text}})
	if p == nil {
		t.Fatal(ds)
	}
	bare := *p
	bare.HealthChecks, bare.Services = nil, nil
	for _, s := range p.Services {
		s.HealthCheck, s.Quorum, s.Hysteresis, s.SorryServers, s.SlowStart, s.Panic, s.OnDown = nil, policy.Quorum{}, 0, nil, 0, 0, ""
		bare.Services = append(bare.Services, s)
	}
	if with, without := script(t, mustCompile(t, p)), script(t, mustCompile(t, &bare)); with != without {
		t.Errorf("with the keys of health the table is\n%s\nand without them\n%s", with, without)
	}
}

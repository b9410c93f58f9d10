package host

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNode holds where a machine's name among nodes comes from.
func TestNode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node")
	hostname := func() (string, error) { return "box7", nil }
	want := func(name string, fails bool) {
		t.Helper()
		if got, err := nodeIn(file, hostname); got != name || err != nil != fails {
			t.Errorf("the node is %q, %v; want %q", got, err, name)
		}
	}
	want("box7", false)
	for text, name := range map[string]string{"gw1": "gw1", " gw2 \n": "gw2", "\n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want(name, name == "")
	}
}

package golden

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Unhex reads bytes as people write them: in hexadecimal, with spaces wherever they help.
func Unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

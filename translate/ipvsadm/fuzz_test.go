package ipvsadm

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/translate"
)

// longest is how long a translation may take in a fuzz test, with room for a busy machine: what
// takes longer grows faster than its input.
const longest = 20 * time.Second

// FuzzTranslate: whatever a file holds, it becomes a policy that the language takes and fmt leaves
// alone, or errors with their lines.
func FuzzTranslate(f *testing.F) {
	rules, dialects := samples(f)
	for i, text := range rules {
		for n, d := range append([]translate.Dialect{""}, translate.Dialects()...) {
			if d == dialects[i] {
				f.Add(text, n)
			}
		}
	}
	f.Add([]byte("-A -t 203.0.113.10:80 -s rr\n-a -t 203.0.113.10:80 -r 192.168.1.1 (null) -w 99999999\n"), 3)
	f.Add([]byte("for a in 1 2 3; do for b in $a $a; do ipvsadm -A -t 203.0.113.$a:$b; done; done"), 0)
	f.Add([]byte("A=x; for i in 1 2 3 4 5 6 7 8; do A=$A$A; done; ipvsadm -A -t $A"), 0)
	f.Add([]byte("f() { f; f; }; f"), 0)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		all := append([]translate.Dialect{""}, translate.Dialects()...)
		start := time.Now()
		_, _ = translated(t, text, all[uint(n)%uint(len(all))])
		if took := time.Since(start); took > longest {
			t.Errorf("it took %v", took)
		}
	})
}

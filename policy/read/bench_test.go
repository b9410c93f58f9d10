package read

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// manyServices is a policy of n services with four real servers each, a VIP each.
func manyServices(n int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\ngateway:\n  uplinks: [wan0]\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: svc-%05d\n    vip: 203.%d.%d.%d\n    ports: [tcp/80]\n    mode: nat\n    real_servers:\n", i, i>>16, i>>8&255, i&255)
		for j := range 4 {
			fmt.Fprintf(&b, "      - 10.%d.%d.%d:8080\n", j, i>>8&255, i&255)
		}
	}
	return b.Bytes()
}

// manyZones is a policy of n zones with a pool of two addresses each.
func manyZones(n int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\ngateway:\n  uplinks: [wan0]\nladdrs:\n")
	for i := range n {
		fmt.Fprintf(&b, "  pool-%05d: [198.18.%d.%d-198.18.%d.%d]\n", i, i>>7&255, i&127*2, i>>7&255, i&127*2+1)
	}
	b.WriteString("zones:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: zone-%05d\n    from: 10.%d.%d.0/24\n    laddrs: pool-%05d\n", i, i>>8&255, i&255, i)
	}
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for _, size := range []struct {
		name string
		data []byte
	}{
		{"services=30000", manyServices(30000)},
		{"zones=10000", manyZones(10000)},
	} {
		src := policy.Source{Name: "big.yaml", Data: size.data}
		b.Run(size.name+"/whole", func(b *testing.B) {
			b.SetBytes(int64(len(src.Data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ds := Parse([]policy.Source{src}); len(ds) > 0 {
					b.Fatal(ds)
				}
			}
		})
		b.Run(size.name+"/yaml", func(b *testing.B) {
			b.SetBytes(int64(len(src.Data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, d := Document(src); d != nil {
					b.Fatal(d)
				}
			}
		})
		b.Run(size.name+"/rest", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				root, _ := Document(src)
				b.StartTimer()
				l := newLoader()
				l.files = 1
				w := &walker{loader: l, file: src.Name, expand: maxExpansion}
				w.root(root)
				if _, ds := l.finish(); len(ds) > 0 {
					b.Fatal(ds)
				}
			}
		})
	}
}

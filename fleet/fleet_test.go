package fleet_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/policy"
)

// lines is a text like a policy's, of about so many bytes.
func lines(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "  - {name: web-%d, vip: 203.0.113.%d, ports: tcp/%d, real_servers: [192.168.1.1]}\n", i, i%256, i%65535+1)
	}
	return b.Bytes()
}

// random are bytes that gzip makes longer, without a line's end.
func random(n int) []byte {
	r, b := rand.NewChaCha8([32]byte{1}), make([]byte, n)
	_, _ = r.Read(b)
	return bytes.ReplaceAll(b, []byte("\n"), []byte("x"))
}

func pack(t *testing.T, files ...policy.Source) (*fleet.Pointer, [][]byte) {
	t.Helper()
	p, chunks, err := fleet.Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	p.ID, p.Number, p.Time, p.User = "one", 1, time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC), "ops"
	return p, chunks
}

// What is packed comes back, in chunks that etcd takes.
func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []policy.Source
	}{
		{"small", []policy.Source{{Name: "a.yaml", Data: []byte("version: 1\n")}}},
		{"empty", []policy.Source{{Name: "a.yaml"}}},
		{"several", []policy.Source{{Name: "a.yaml", Data: lines(900_000)}, {Name: "b.yaml"}, {Name: "ä/b c.yaml", Data: lines(10)}}},
		{"without lines", []policy.Source{{Name: "a", Data: random(3 << 20)}}},
		{"the largest", []policy.Source{{Name: "a", Data: lines(32<<20 - 100)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, chunks := pack(t, c.files...)
			for _, b := range chunks {
				if len(b) > fleet.MostChunk {
					t.Errorf("a chunk has %d bytes", len(b))
				}
			}
			q, err := fleet.ParsePointer(p.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			files, texts, err := q.Unpack(chunks, nil)
			if err != nil || len(files) != len(c.files) {
				t.Fatalf("%d files, %v", len(files), err)
			}
			for i, f := range files {
				if f.Name != c.files[i].Name || !bytes.Equal(f.Data, c.files[i].Data) {
					t.Errorf("file %d is another one", i)
				}
			}
			if again, _, err := q.Unpack(make([][]byte, len(chunks)), texts); err != nil || !bytes.Equal(again[0].Data, files[0].Data) {
				t.Errorf("what is known is unpacked otherwise: %v", err)
			}
			if q.Hash != policy.Hash(c.files) {
				t.Errorf("the hash is %s", q.Hash)
			}
		})
	}
}

// A policy that differs in a line shares all its chunks but one.
func TestChunksAreShared(t *testing.T) {
	text := lines(4 << 20)
	at := bytes.Index(text, []byte("web-20000"))
	changed := append(append(bytes.Clone(text[:at]), "one more "...), text[at:]...)
	before, _ := pack(t, policy.Source{Name: "a", Data: text})
	after, _ := pack(t, policy.Source{Name: "a", Data: changed})
	had, fresh := fleet.Needed(before), 0
	for _, c := range after.Chunks {
		if !had[c.SHA256] {
			fresh++
		}
	}
	if fresh != 1 || len(after.Chunks) < 8 {
		t.Errorf("%d of %d chunks are new, want 1", fresh, len(after.Chunks))
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Whatever is wrong with what a store gives is found, and nothing is made room for that is beyond the bounds.
func TestHostile(t *testing.T) {
	good, chunks := pack(t, policy.Source{Name: "a.yaml", Data: lines(1 << 20)})
	for _, c := range []struct {
		name   string
		change func(p *fleet.Pointer, chunks [][]byte)
		want   string
	}{
		{"a chunk of other bytes", func(_ *fleet.Pointer, c [][]byte) { c[1] = append(bytes.Clone(c[1][:len(c[1])-1]), 1) }, "another size or SHA-256"},
		{"chunks in another order", func(_ *fleet.Pointer, c [][]byte) { c[0], c[1] = c[1], c[0] }, "another size or SHA-256"},
		{"chunks and names in another order", func(p *fleet.Pointer, c [][]byte) {
			c[0], c[1], p.Chunks[0], p.Chunks[1] = c[1], c[0], p.Chunks[1], p.Chunks[0]
		}, "another SHA-256 than the pointer says"},
		{"a chunk too few", func(p *fleet.Pointer, _ [][]byte) { p.Chunks = p.Chunks[1:] }, "bytes fewer"},
		{"no gzip", func(p *fleet.Pointer, c [][]byte) {
			c[0] = []byte("text")
			p.Chunks[0].SHA256, p.Chunks[0].Size = sum(c[0]), 4
		}, "chunk"},
		{"a bomb", func(p *fleet.Pointer, c [][]byte) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(make([]byte, 100<<20))
			_ = z.Close()
			c[0] = b.Bytes()
			p.Chunks[0].SHA256, p.Chunks[0].Size = sum(c[0]), len(c[0])
		}, "does not hold"},
		{"a bomb that is said to be one", func(p *fleet.Pointer, _ [][]byte) { p.Chunks[0].Text = 1 << 30 }, "for 1073741824 bytes"},
		{"a negative size", func(p *fleet.Pointer, _ [][]byte) { p.Files[0].Size = -1 }, "size of -1"},
		{"a file beyond the bound", func(p *fleet.Pointer, _ [][]byte) { p.Files[0].Size = 1 << 40 }, "size of"},
		{"a chunk beyond the bound", func(p *fleet.Pointer, _ [][]byte) { p.Chunks[0].Size = 1 << 20 }, "size of"},
		{"a name with commands for terminals", func(p *fleet.Pointer, _ [][]byte) { p.Files[0].Name = "a\x1b[2J" }, "cannot be printed"},
		{"a sum that is a path", func(p *fleet.Pointer, _ [][]byte) { p.Chunks[0].SHA256 = "../../policy" }, "size of"},
		{"another hash", func(p *fleet.Pointer, _ [][]byte) { p.Hash = sum(nil) }, "another policy"},
		{"a newer form", func(p *fleet.Pointer, _ [][]byte) { p.Version = 2 }, "newer snatctl"},
		{"no file", func(p *fleet.Pointer, _ [][]byte) { p.Files = nil }, "one file the least"},
		{"too many chunks", func(p *fleet.Pointer, _ [][]byte) {
			for range 200 {
				p.Chunks = append(p.Chunks, p.Chunks[0])
			}
		}, "are the most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := *good
			p.Files, p.Chunks = append([]fleet.File(nil), good.Files...), append([]fleet.Chunk(nil), good.Chunks...)
			mine := append([][]byte(nil), chunks...)
			c.change(&p, mine)
			q, err := fleet.ParsePointer(p.Bytes())
			if err == nil {
				_, _, err = q.Unpack(mine, nil)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
	if _, err := fleet.ParsePointer(append(good.Bytes(), bytes.Repeat([]byte(" "), 1<<20)...)); err == nil {
		t.Error("a pointer of a megabyte is taken")
	}
}

// Names in keys lead nowhere else, and come back.
func TestKeys(t *testing.T) {
	k, err := fleet.KeysBelow("/snatctl/prod//")
	if err != nil || k.Policy() != "/snatctl/prod/policy" {
		t.Fatalf("the key is %q, %v", k.Policy(), err)
	}
	for _, node := range []string{"gw1", "gw1.example.com", "a/b", "../policy", "50%", "ä", "a b"} {
		key := k.Target(node)
		if strings.Count(key, "/") != 4 {
			t.Errorf("the key of node %q is %q", node, key)
		}
		if got, err := fleet.Named(key, k.Targets()); got != node || err != nil {
			t.Errorf("%q names %q, %v", key, got, err)
		}
	}
	for _, bad := range []string{"", " ", "a\nb", "a\x00", strings.Repeat("x", 254), "\xff"} {
		if fleet.CheckNode(bad) == nil {
			t.Errorf("%q is the name of a node", bad)
		}
	}
	for _, bad := range []string{"", "/", "a\nb", strings.Repeat("x", 600)} {
		if _, err := fleet.KeysBelow(bad); err == nil {
			t.Errorf("%q is a prefix", bad)
		}
	}
}

// A report of everything that can be down is cut, and is one still.
func TestReport(t *testing.T) {
	r := fleet.Report{Node: "gw1", Hash: sum(nil), Error: strings.Repeat("ä", 10_000)}
	for i := range 30_000 {
		r.ServicesDown = append(r.ServicesDown, fmt.Sprintf("a service with a longer name %d", i))
	}
	got, err := fleet.ParseReport("gw1", r.Bytes())
	if err != nil || len(got.ServicesDown)+got.MoreDown != 30_000 || !json.Valid(r.Bytes()) {
		t.Errorf("%d and %d services, %v", len(got.ServicesDown), got.MoreDown, err)
	}
	if got, err := fleet.ParseReport("gw2", r.Bytes()); got.Node != "gw2" || err != nil {
		t.Errorf("gw1 reports for gw2: %q, %v", got.Node, err)
	}
}

// What becomes of a canary, from what its nodes report.
func TestJudge(t *testing.T) {
	p := &fleet.Pointer{ID: "new", Hash: "b"}
	old := fleet.Report{Hash: "a", ID: "old", ServicesDown: []string{"mail"}}
	taken := fleet.Report{Hash: "b", ID: "new", ServicesDown: []string{"mail"}}
	for _, c := range []struct {
		name            string
		report          *fleet.Report
		failed, waiting string
	}{
		{"it has it", &taken, "", ""},
		{"not yet", &old, "", "has not applied it yet"},
		{"gone", nil, "", "does not report"},
		{"refused", &fleet.Report{Hash: "a", ID: "new", Error: "no room"}, "cannot apply it: no room", ""},
		{"an older one was refused", &fleet.Report{Hash: "a", ID: "old", Error: "no room"}, "", "has not applied it yet"},
		{"a service is down", &fleet.Report{Hash: "b", ID: "new", ServicesDown: []string{"mail", "web"}}, "service web lost the quorum", ""},
		{"one that was down is up", &fleet.Report{Hash: "b", ID: "new"}, "", ""},
		{"down before it has it", &fleet.Report{Hash: "a", ID: "old", ServicesDown: []string{"web"}}, "", "has not applied it yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reports := map[string]fleet.Report{}
			if c.report != nil {
				reports["gw1"] = *c.report
			}
			v := (&fleet.Canary{Nodes: []string{"gw1"}, Before: map[string]fleet.Report{"gw1": old}, Policy: p}).Judge(reports)
			if !strings.Contains(v.Failed, c.failed) || (v.Failed == "") != (c.failed == "") || !strings.Contains(strings.Join(v.Waiting, ","), c.waiting) || (len(v.Waiting) == 0) != (c.waiting == "") {
				t.Errorf("the verdict is %+v", v)
			}
		})
	}
}

func FuzzParsePointer(f *testing.F) {
	p, _, err := fleet.Pack([]policy.Source{{Name: "a", Data: []byte("x")}})
	if err != nil {
		f.Fatal(err)
	}
	p.ID, p.Number = "one", 1
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := fleet.ParsePointer(b)
		if err != nil {
			return
		}
		if _, err := fleet.ParsePointer(p.Bytes()); err != nil {
			t.Errorf("%s: %v", p.Bytes(), err)
		}
		_, _, _ = p.Unpack(make([][]byte, len(p.Chunks)), nil)
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// sink is a writer that a test can stop.
type sink struct {
	mu   sync.Mutex
	text []byte
}

func (s *sink) write(b []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, b...)
	return len(b)
}

// All lines arrive, in order, and close waits for the last.
func TestSpoolOrder(t *testing.T) {
	var to sink
	s := newSpool(1<<20, to.write)
	var want []byte
	for i := range 5000 {
		line := []byte(strings.Repeat("x", i%40) + "\n")
		want = append(want, line...)
		s.add(line)
	}
	s.close(time.Minute)
	if !bytes.Equal(to.text, want) || s.losses() != 0 {
		t.Errorf("%d bytes arrived of %d, %d lines lost", len(to.text), len(want), s.losses())
	}
}

// A writer that is stuck costs lines: each is either written or counted, and nobody waits.
func TestSpoolStuck(t *testing.T) {
	var to sink
	to.mu.Lock()
	s := newSpool(100, to.write)
	for range 1000 {
		s.add([]byte("123456789\n"))
	}
	s.close(10 * time.Millisecond)
	lost := s.losses()
	to.mu.Unlock()
	<-s.done
	if written := bytes.Count(to.text, []byte{'\n'}); lost < 1000-20 || written+int(lost) < 1000 {
		t.Errorf("%d lines written, %d lost of 1000", written, lost)
	}
}

// What a writer did not take is lost.
func TestSpoolRefused(t *testing.T) {
	s := newSpool(1000, func(b []byte) int { return min(len(b), 3) })
	s.add([]byte("a\nb\nc\n"))
	s.close(time.Minute)
	if n := s.losses(); n != 2 {
		t.Errorf("%d lines lost, want 2: b was cut and c not written", n)
	}
}

// A log that could not be written says how many records are missing before it goes on.
func TestNATLogTells(t *testing.T) {
	path := t.TempDir() + "/nat.jsonl"
	l := &natLog{path: path}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	l.spool = &spool{lost: 7}
	for range 2 {
		if n := l.write([]byte("{}\n")); n != 3 {
			t.Fatalf("%d bytes of 3 written", n)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var first struct {
		Event   string
		Time    time.Time
		Records int
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Event != "lost" || first.Records != 7 || first.Time.IsZero() || len(lines) != 4 {
		t.Errorf("the log has %q: %v", text, err)
	}
	l.file.Close()
	if l.write([]byte("{}\n")) != 0 {
		t.Error("a file that is closed takes lines")
	}
	if l.failure() == nil {
		t.Error("it fails in silence")
	}
	if err := l.failure(); err != nil {
		t.Errorf("it says so again: %v", err)
	}
}

func TestByteSize(t *testing.T) {
	for s, want := range map[string]int{"": 0, "65536": 65536, "64K": 64 << 10, "16M": 16 << 20, "1G": 1 << 30} {
		if got, err := byteSize(s); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"0", "M", "-1", "2G", "1.5M", "64k"} {
		if got, err := byteSize(s); err == nil {
			t.Errorf("%q is read as %d", s, got)
		}
	}
}

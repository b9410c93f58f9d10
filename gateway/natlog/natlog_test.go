package natlog

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
	s := NewSpool(1<<20, to.write)
	var want []byte
	for i := range 5000 {
		line := []byte(strings.Repeat("x", i%40) + "\n")
		want = append(want, line...)
		s.Add(line)
	}
	s.Close(time.Minute)
	if !bytes.Equal(to.text, want) || s.Losses() != 0 {
		t.Errorf("%d bytes arrived of %d, %d lines lost", len(to.text), len(want), s.Losses())
	}
}

// A writer that is stuck costs lines: each is either written or counted, and nobody waits.
func TestSpoolStuck(t *testing.T) {
	var to sink
	to.mu.Lock()
	s := NewSpool(100, to.write)
	for range 1000 {
		s.Add([]byte("123456789\n"))
	}
	s.Close(10 * time.Millisecond)
	lost := s.Losses()
	to.mu.Unlock()
	<-s.done
	if written := bytes.Count(to.text, []byte{'\n'}); lost < 1000-20 || written+int(lost) < 1000 {
		t.Errorf("%d lines written, %d lost of 1000", written, lost)
	}
}

// Lines that are handed over together wait together or are lost together, each of them counted.
func TestSpoolLines(t *testing.T) {
	var to sink
	to.mu.Lock()
	s := NewSpool(30, to.write)
	for range 20 {
		s.Add([]byte("1\n2\n3\n"))
	}
	s.Close(10 * time.Millisecond)
	lost := s.Losses()
	to.mu.Unlock()
	<-s.done
	if written := bytes.Count(to.text, []byte("1\n2\n3\n")); lost < 3*(20-10) || written*3+int(lost) < 60 || written*6 != len(to.text) {
		t.Errorf("%q is written, %d lines lost of 60", to.text, lost)
	}
}

// What a writer did not take is lost.
func TestSpoolRefused(t *testing.T) {
	s := NewSpool(1000, func(b []byte) int { return min(len(b), 3) })
	s.Add([]byte("a\nb\nc\n"))
	s.Close(time.Minute)
	if n := s.Losses(); n != 2 {
		t.Errorf("%d lines lost, want 2: b was cut and c not written", n)
	}
}

// A log that could not be written says how many records are missing before it goes on.
func TestNATLogTells(t *testing.T) {
	path := t.TempDir() + "/nat.jsonl"
	l := &Log{path: path}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	l.Spool = &Spool{lost: 7}
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
	if l.Failure() == nil {
		t.Error("it fails in silence")
	}
	if err := l.Failure(); err != nil {
		t.Errorf("it says so again: %v", err)
	}
}

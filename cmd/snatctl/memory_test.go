package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A policy gets what it takes, if the machine has it, and never less than the least.
func TestRoom(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct{ size, available, want int64 }{
		{0, 8 * gb, leastMemory},
		{1 << 20, 8 * gb, leastMemory},
		{10 << 20, 8 * gb, 10 << 20 * memoryPerByte},
		{1 << 30, 4 * gb, 3 * gb},
		{1 << 30, 1 << 20, leastMemory},
	} {
		if got := room(c.size, c.available); got != c.want {
			t.Errorf("room(%d, %d) is %d, want %d", c.size, c.available, got, c.want)
		}
	}
}

// The tightest of the machine and the control groups counts; what cannot be read does not.
func TestAvailableMemory(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"machine alone", map[string]string{"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    2048 kB\n"}, 2 << 20},
		{"group", map[string]string{"proc/meminfo": "MemAvailable: 2048 kB\n", "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1048576\n", "sys/fs/cgroup/a/b/memory.current": "48576\n"}, 1000000},
		{"group above", map[string]string{"proc/meminfo": "MemAvailable: 2048 kB\n", "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "2000\n"}, 0},
		{"no limit", map[string]string{"proc/meminfo": "MemAvailable: 2048 kB\n", "proc/self/cgroup": "0::/\n"}, 2 << 20},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := availableMemory(root); got != c.want {
			t.Errorf("%s: %d available, want %d", c.name, got, c.want)
		}
	}
}

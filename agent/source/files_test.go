package source

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// configMap lays a directory out as Kubernetes lays out a config map, and returns what swaps it.
func configMap(t *testing.T, dir string) func(version, text string) {
	swap := func(version, text string) {
		try(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		write(t, filepath.Join(dir, version, "policy.yaml"), text)
		try(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		try(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	swap("..1", "one")
	try(t, os.Symlink("..data/policy.yaml", filepath.Join(dir, "policy.yaml")))
	return swap
}

// Every way in which files are changed is noticed, and nothing else is.
func TestWatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before func(t *testing.T, dir string)
		path   string // in the directory
		change func(t *testing.T, dir string)
		tells  bool
	}{
		{"written in place", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, "p.yaml",
			func(t *testing.T, d string) { write(t, d+"/p.yaml", "three") }, true},
		{"renamed over, as editors do", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, "p.yaml",
			func(t *testing.T, d string) {
				write(t, d+"/.p.yaml.swp", "two")
				try(t, os.Rename(d+"/.p.yaml.swp", d+"/p.yaml"))
			}, true},
		{"put aside and written anew, as vi does", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, "p.yaml",
			func(t *testing.T, d string) {
				try(t, os.Rename(d+"/p.yaml", d+"/p.yaml~"))
				write(t, d+"/p.yaml", "two")
			}, true},
		{"another file beside it", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, "p.yaml",
			func(t *testing.T, d string) { write(t, d+"/other.yaml", "two") }, false},
		{"a file that appears in a directory", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, ".",
			func(t *testing.T, d string) { write(t, d+"/other.yaml", "two") }, true},
		{"no policy's file in a directory", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one") }, ".",
			func(t *testing.T, d string) { write(t, d+"/notes.txt", "two") }, false},
		{"a file that vanishes from a directory", func(t *testing.T, d string) { write(t, d+"/p.yaml", "one"); write(t, d+"/q.yaml", "") }, ".",
			func(t *testing.T, d string) { try(t, os.Remove(d+"/q.yaml")) }, true},
		{"a config map swapped, by its file", func(t *testing.T, d string) { configMap(t, d) }, "policy.yaml",
			func(t *testing.T, d string) {
				try(t, os.Mkdir(d+"/..2", 0o700))
				write(t, d+"/..2/policy.yaml", "two")
				try(t, os.Symlink("..2", d+"/..data_tmp"))
				try(t, os.Rename(d+"/..data_tmp", d+"/..data"))
			}, true},
		{"a config map swapped, by its directory", func(t *testing.T, d string) { configMap(t, d) }, ".",
			func(t *testing.T, d string) {
				try(t, os.Mkdir(d+"/..2", 0o700))
				write(t, d+"/..2/policy.yaml", "two")
				try(t, os.Symlink("..2", d+"/..data_tmp"))
				try(t, os.Rename(d+"/..data_tmp", d+"/..data"))
			}, true},
		{"a link on the way that is swapped", func(t *testing.T, d string) {
			try(t, os.MkdirAll(d+"/releases/1", 0o700))
			try(t, os.MkdirAll(d+"/releases/2", 0o700))
			write(t, d+"/releases/1/p.yaml", "one")
			write(t, d+"/releases/2/p.yaml", "two")
			try(t, os.Symlink("releases/1", d+"/current"))
		}, "current/p.yaml", func(t *testing.T, d string) {
			try(t, os.Symlink("releases/2", d+"/next"))
			try(t, os.Rename(d+"/next", d+"/current"))
		}, true},
		{"a directory that is made later", func(t *testing.T, d string) {}, "later/p.yaml",
			func(t *testing.T, d string) {
				try(t, os.Mkdir(d+"/later", 0o700))
				write(t, d+"/later/p.yaml", "two")
			}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.before(t, dir)
			f, err := Of([]string{filepath.Join(dir, c.path)})
			try(t, err)
			f.Load()
			changed := watch(t, f)
			time.Sleep(2 * calm) // it begins
			c.change(t, dir)
			limit := 10 * calmMost
			if !c.tells {
				limit = 4 * calm
			}
			select {
			case <-changed:
				if !c.tells {
					t.Error("it tells of a change")
				}
			case <-time.After(limit):
				if c.tells {
					t.Error("it does not tell")
				}
			}
			f.Load()
			select {
			case <-changed:
				t.Error("it tells again of what was loaded")
			case <-time.After(3 * calm):
			}
		})
	}
}

func watch(t *testing.T, f *Files) chan struct{} {
	changed := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Watch(ctx, func() { changed <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		try(t, <-done)
	})
	return changed
}

// What changes between loading and watching is told, too, and a config map is followed again and again.
func TestWatchLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	swap := configMap(t, dir)
	f, err := Of([]string{filepath.Join(dir, "policy.yaml")})
	try(t, err)
	f.Load()
	swap("..2", "two")
	changed := watch(t, f)
	for i, version := range []string{"..3", "..4", "..5"} {
		select {
		case <-changed:
		case <-time.After(10 * calmMost):
			t.Fatalf("change %d is not told", i)
		}
		f.Load()
		swap(version, version)
	}
}

func TestOfStdin(t *testing.T) {
	if _, err := Of([]string{"-"}); err == nil {
		t.Error("standard input is watched")
	}
}

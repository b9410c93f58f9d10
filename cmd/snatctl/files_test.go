package main

import (
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every file is a command's, by its name, or stands in the list of those that commands share.
func TestFilesAreCommands(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := strings.Cut(string(text), "\npackage main")
	var commands []string
	for _, c := range root().Commands() {
		commands = append(commands, c.Name())
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		command, _, _ := strings.Cut(strings.TrimSuffix(file, ".go"), "_")
		shared := strings.Contains(list, "//\t"+file+" ")
		if !strings.HasSuffix(file, "_test.go") && shared == slices.Contains(commands, command) {
			t.Errorf("%s is no command's file, and the comment of main.go does not list it; or it is both", file)
		}
	}
}

// What is printed does not depend on flags.
func TestViewKnowsNoFlags(t *testing.T) {
	p, err := build.ImportDir("view", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "flag"} {
		if slices.Contains(p.Imports, path) {
			t.Errorf("view imports %s", path)
		}
	}
}

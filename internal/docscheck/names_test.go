package docscheck

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// file is a path of the repository in backquotes; * stands for any name.
	file = regexp.MustCompile("`((?:[a-z][\\w.-]*/)+[\\w.*-]+\\.(?:go|yaml|md|svg|sh|txtar))`")
)

// TestLinks follows the links from document to document and to files.
func TestLinks(t *testing.T) {
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text(t, doc), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			to := doc
			if target != "" {
				to = path.Join(path.Dir(doc), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			} else if anchor != "" && !hasHeading(text(t, to), anchor) {
				t.Errorf("%s links to %s: no such heading", doc, m[1])
			}
		}
	}
}

func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		title := strings.TrimLeft(line, "#")
		if title != line && strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestFiles looks for the files that documents name.
func TestFiles(t *testing.T) {
	for _, doc := range documents(t) {
		for _, m := range file.FindAllStringSubmatch(text(t, doc), -1) {
			if strings.Contains(m[1], "NAME") || strings.Contains(m[1], "CODE") {
				continue // a pattern to fill in
			}
			if found, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
}

// TestLength keeps ARCHITECTURE.md short enough to be read.
func TestLength(t *testing.T) {
	const most = 180
	if n := strings.Count(text(t, "ARCHITECTURE.md"), "\n"); n > most {
		t.Errorf("ARCHITECTURE.md has %d lines, want %d at most", n, most)
	}
}

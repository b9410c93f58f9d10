package words

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
)

// TestReference makes docs/policy.md of the table of the language; -update writes it.
func TestReference(t *testing.T) {
	golden.Text(t, "../../docs/policy.md", reference())
}

const referenceHead = `# The policy language

This page is made from the table that ` + "`snatctl`" + ` itself uses to read policies (` + "`policy/words/language.go`" + `). Do not edit it:
change the table and run ` + "`make docs`" + `.

A policy is YAML, one document per file. ` + "`-f`" + ` takes a file, a directory (its ` + "`*.yaml` and `*.yml`" + `, sorted by name) or ` + "`-`" + ` for
standard input, and may be repeated: the lists of all files are joined in order. A key that takes a list also takes a
single item. All errors of all files are reported in one run, as ` + "`file:line:col: error: message [code]`" + `. A policy with an
error is not applied.

Top-level keys that begin with ` + "`x-`" + ` are ignored: they are a place for YAML anchors (` + "`x-rs: &rs [192.168.1.1, 192.168.1.2]`" + `, then
` + "`real_servers: *rs`" + `).

` + "```yaml" + `
# snatctl:ignore P13 example addresses
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: [198.51.100.1-198.51.100.2, "2001:db8:99::1"]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: office, exclude: [10.0.0.0/8, "fd00::/8"]}
services:
  - name: web
    vip: 203.0.113.10
    ports: [tcp/80, tcp/443]
    real_servers: [192.168.1.1, 192.168.1.2]
tests:
  - {from: 10.1.5.9, to: "8.8.8.8:443", proto: tcp, expect: {zone: office, snat: 198.51.100.0/30}}
` + "```" + `

How values are written:

* **addresses**: IPv4 or IPv6. A list may have both families; each is used for its own traffic. A range is written
  ` + "`A-B`" + `, a prefix ` + "`A/len`" + ` without host bits. An IPv6 address with a port is written in brackets: ` + "`\"[2001:db8::1]:443\"`" + `.
  YAML needs quotes around values that begin with ` + "`[`" + ` or ` + "`::`" + `, and around every IPv6 address inside brackets.
* **names**: letters, digits, dots, underscores and dashes, at most 63; the first is a letter or digit. Names are unique among objects
  of a kind.
* **numbers**: plain decimal. **Durations**: ` + "`300s`, `5m`, `1h30m`" + `.

## Overview

`

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	overview(&b)
	title := ""
	for i := range language {
		k := &language[i]
		if top, _, nested := strings.Cut(k.Path, "."); nested {
			if top = strings.TrimSuffix(top, "[]"); top != title {
				title = top
				fmt.Fprintf(&b, "\n## %s\n\n%s\n", title, Root.Find(title).Meaning)
			}
		} else if title == "" {
			title = "file"
			b.WriteString("\n## The file\n")
		}
		entry(&b, k)
	}
	b.WriteString("\n## Errors\n\nThe code is at the end of each message. Codes that begin with K or X come from the compiler.\n\n| code | what is wrong |\n|---|---|\n")
	for _, c := range policy.Codes() {
		fmt.Fprintf(&b, "| %s | %s |\n", c.Code, c.Meaning)
	}
	return b.Bytes()
}

// overview draws the tree of keys.
func overview(b *bytes.Buffer) {
	b.WriteString("```\n")
	var below func(path, indent string)
	below = func(path, indent string) {
		for _, k := range children(path) {
			inner := append(children(k.Path), children(k.Path+"[]")...)
			if len(inner) > 0 {
				fmt.Fprintf(b, "%s%s\n", indent, k.Name())
			} else {
				fmt.Fprintf(b, "%-18s %s\n", indent+k.Name(), strings.ReplaceAll(typeText(k), "`", ""))
			}
			below(k.Path, indent+"  ")
			below(k.Path+"[]", indent+"  ")
		}
	}
	below("", "")
	b.WriteString("```\n")
}

// children returns the keys directly below a path.
func children(path string) (out []*Keyword) {
	for i := range language {
		if k := &language[i]; parent(k) == path {
			out = append(out, k)
		}
	}
	return out
}

func parent(k *Keyword) string {
	return strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".")
}

// entry writes all that is known about a key.
func entry(b *bytes.Buffer, k *Keyword) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", k.Path, k.Meaning)
	fmt.Fprintf(b, "* type: %s\n", typeText(k))
	switch {
	case k.Required:
		b.WriteString("* required\n")
	case k.Default != "":
		fmt.Fprintf(b, "* default: `%s`\n", k.Default)
	case k.Absent != "":
		fmt.Fprintf(b, "* default: %s\n", k.Absent)
	}
	fmt.Fprintf(b, "* example: `%s: %s`\n", k.Name(), k.Example)
	fmt.Fprintf(b, "* errors: %s\n", strings.Join(k.Errors, ", "))
}

// typeText says what a value may be.
func typeText(k *Keyword) string {
	text := string(k.Kind)
	switch {
	case k.Kind == aWord && k.Or != "":
		return orList(k.Words) + "; or a " + string(k.Or)
	case k.Kind == aWord:
		return orList(k.Words)
	case k.Kind == aNumber && k.Min == k.Max:
		return fmt.Sprintf("%s, %d", text, k.Min)
	case k.Kind == aNumber:
		text += fmt.Sprintf(", %d to %d", k.Min, k.Max)
	case k.List && k.Kind == aMapping:
		text = "list of mappings"
	case k.List:
		text += "; one, or a list"
	}
	if len(k.Words) > 0 {
		text += "; or " + orList(k.Words)
	}
	switch k.Or {
	case "":
	case aBoolean:
		text += "; or " + string(k.Or)
	default:
		text += "; or a " + string(k.Or)
	}
	return text
}

func orList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	return List(quoted)
}

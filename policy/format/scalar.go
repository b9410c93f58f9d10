package format

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

const quotedStyles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// scalar returns a scalar or an alias as it is written. Where there must be something, in
// brackets and before a colon, nothing is written as null.
func scalar(n *yaml.Node, something bool) string {
	if n.Kind == yaml.AliasNode {
		return "*" + n.Value
	}
	text := n.Value
	switch plain := n.Style&quotedStyles == 0; {
	case plain && n.ShortTag() != "!!str":
		if text == "" && something && n.Anchor == "" {
			text = "null"
		}
	case !plain && !bare(text), plain && !mayStay(text):
		text = quote(text)
	}
	if n.Anchor != "" {
		text = strings.TrimSpace("&" + n.Anchor + " " + text)
	}
	return text
}

var word = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_./ *+@()=-]*[A-Za-z0-9_./*+@()=-])?$`)

// bare tells whether a text means the same without quotes, wherever it is.
func bare(text string) bool {
	old := []string{"y", "n", "yes", "no", "on", "off"} // truth values of YAML 1.1
	plain := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	return word.MatchString(text) && plain.ShortTag() == "!!str" && !slices.Contains(old, strings.ToLower(text))
}

// mayStay tells whether a text without quotes may stay without.
func mayStay(text string) bool {
	return !strings.ContainsRune(text, ':') && strings.IndexFunc(text, unicode.IsControl) < 0 &&
		text != "-" && text != "?" && !strings.HasPrefix(text, "- ") && !strings.HasPrefix(text, "? ") &&
		!strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "...") && text[0] != '%'
}

// strange tells whether a character cannot be printed as it is.
func strange(r rune) bool { return !unicode.IsPrint(r) }

// quote returns a text in quotes: double ones, or single ones where that saves escapes.
func quote(text string) string {
	if strings.IndexFunc(text, strange) >= 0 {
		return `"` + escaped(strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(text)) + `"`
	}
	if !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// escaped writes what cannot be printed as YAML does in double quotes.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case !strange(r):
			b.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// sameNode tells whether a tree says what a group does, in the same order.
func sameNode(g *group, n *yaml.Node) bool {
	if g.node.Kind != n.Kind || g.node.Anchor != n.Anchor {
		return false
	}
	at := 0
	for _, e := range g.entries {
		if e.key != nil {
			if at >= len(n.Content) || !sameScalar(e.key, n.Content[at]) {
				return false
			}
			at++
		}
		if at >= len(n.Content) {
			return false
		}
		same := e.inner != nil && sameNode(e.inner, n.Content[at]) || e.inner == nil && sameScalar(e.value, n.Content[at])
		if !same {
			return false
		}
		at++
	}
	return at == len(n.Content)
}

// sameScalar tells whether two scalars or aliases mean the same.
func sameScalar(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Anchor != b.Anchor || a.Kind == yaml.AliasNode {
		return a.Kind == b.Kind && a.Kind == yaml.AliasNode && a.Value == b.Value
	}
	return a.ShortTag() == b.ShortTag() && (a.Value == b.Value || a.ShortTag() == "!!null")
}

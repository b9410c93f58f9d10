package read

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/words"
)

// objectName reads the name of a zone, service or pool.
func (w *walker) objectName(n *yaml.Node) (string, bool) {
	text, ok := w.text(n, "a name")
	if !ok {
		return "", false
	}
	if v, _ := w.value(n); isPlain(v) && (v.Value == "true" || v.Value == "false") {
		w.fail(n, "N03", "put it in quotes if it is the name", "must be a name, not %s", text)
		return "", false
	}
	if !words.ValidName(text) {
		w.fail(n, "N01", "a name is a letter or digit, followed by letters, digits, dots, underscores and dashes, at most 63 characters in all", "%q is not a name", text)
		return "", false
	}
	return strings.Clone(text), true // and not the whole file with it
}

// textOf returns what a mapping has under a key, without a report, for what has to be known before
// the key is reached; empty where it has no text there.
func textOf(n *yaml.Node, key string) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k, v := n.Content[i], n.Content[i+1]; k.Value == key {
			if v.Kind == yaml.AliasNode {
				v = v.Alias
			}
			if v.Kind == yaml.ScalarNode && !isNull(v) {
				return v.Value
			}
		}
	}
	return ""
}

// interfaces reads a list of interface names, "ppp*" for a prefix.
func (w *walker) interfaces(n *yaml.Node) []string {
	items := w.someItems(n, "a list of interface names")
	out := make([]string, 0, len(items))
	var seen distinct[string]
	for _, item := range items {
		name, ok := w.iface(item, true)
		switch {
		case ok && !seen.add(name):
			w.fail(item, "N01", "remove one of the two", "the interface %q is listed twice", name)
		case ok:
			out = append(out, name)
		}
	}
	return out
}

// iface reads one interface name. The rules are the kernel's (dev_valid_name in
// net/core/dev.c): 1 to 15 bytes, no white space, slash or colon, not "." or "..".
func (w *walker) iface(n *yaml.Node, wildcard bool) (string, bool) {
	name, ok := w.text(n, "an interface name")
	if !ok {
		return "", false
	}
	stem, star := strings.CutSuffix(name, "*")
	switch {
	case strings.Contains(stem, "*"):
		w.fail(n, "N01", "", "the interface name %q has a * before its end", name)
	case star && !wildcard:
		w.fail(n, "N01", "name one interface", "%q matches many interfaces", name)
	case star && stem == "":
		w.fail(n, "N01", "leave the key out: without it, any interface matches", "%q matches every interface", name)
	case len(name) > 15:
		w.fail(n, "N01", "", "the interface name %q is longer than 15 characters", name)
	case stem == "" || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\r\v\f\""):
		w.fail(n, "N01", "", "%q is not an interface name", name)
	default:
		return strings.Clone(name), true
	}
	return "", false
}

// tableName reads the name of the nftables table.
func (w *walker) tableName(n *yaml.Node, into *string) {
	name, ok := w.text(n, "a table name")
	switch {
	case !ok:
	case !words.TableForm(name):
		w.fail(n, "N01", "it is a letter or underscore, followed by letters, digits, underscores, dots and dashes, at most 32 characters in all", "%q is not a table name", name)
	case words.NFTKeyword(name):
		w.fail(n, "N01", "choose another, such as snatctl_"+name, "the table name %q is a keyword of nft", name)
	default:
		*into = strings.Clone(name)
	}
}

// isAddresses tells whether a text reads as an address, range or prefix.
func isAddresses(s string) bool {
	_, err := inet.ParseRange(s)
	return err == nil
}

package lint

import (
	"embed"

	"github.com/rogpeppe/go-internal/txtar"
)

// examples has an archive for each rule that can be shown, named by its code.
//
//go:embed examples/*.txtar
var examples embed.FS

// Example returns two whole policies in YAML: bad breaks the rule of this code and no other, good
// breaks none. The example of a Live rule is a policy on a host, which its first line describes.
// Both are empty for a code without an example: no readable policy shows F01 (the file cannot be
// read), S19 (it is huge) or K01 (so is the table).
func Example(code string) (bad, good string) {
	text, err := examples.ReadFile("examples/" + code + ".txtar")
	if err != nil {
		return "", ""
	}
	for _, f := range txtar.Parse(text).Files {
		switch f.Name {
		case "bad.yaml":
			bad = string(f.Data)
		case "good.yaml":
			good = string(f.Data)
		}
	}
	return bad, good
}

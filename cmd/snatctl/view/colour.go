package view

import (
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/plain"
)

// Colours, as plain.Paint takes them.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paintAction colours what is said of an object by what happens to it.
func paintAction(a tell.Action, text string) string {
	return plain.Paint(map[tell.Action]string{tell.AddObject: green, tell.RemoveObject: red, tell.ChangeObject: yellow}[a], text)
}

// paintSeverity colours what is wrong; what is fine stays as it is.
func paintSeverity(s ct.Severity, text string) string {
	if s == 0 {
		return text
	}
	return plain.Paint(map[ct.Severity]string{ct.Warning: yellow, ct.Critical: red}[s], text)
}

// Package view shows the results of the engine and of the policy: as text for people, as JSON,
// on a screen. It decides nothing: its callers say what is printed, and where to, and with
// which status the program ends. Text goes to a plain.Writer, which handles colours and keeps
// the first error.
package view

import (
	"encoding/json"
	"io"
)

// JSON prints a value on one line.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

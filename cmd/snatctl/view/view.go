// Package view shows what the engine and the policy give: as text for people, as JSON, on a
// screen. It decides nothing: what is printed, where to and what the program ends with its
// callers say. Text goes to a plain.Writer, which knows of colours and keeps the first error.
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

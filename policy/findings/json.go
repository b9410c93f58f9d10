package findings

import (
	"encoding/json"
	"io"

	"github.com/snatctl/snatctl/policy"
)

// JSON writes findings as a list on one line. What is suppressed is left out.
func (r *Report) JSON(w io.Writer) error {
	type finding struct {
		File     string          `json:"file"`
		Line     int             `json:"line"`
		Column   int             `json:"column"`
		Severity policy.Severity `json:"severity"`
		Code     string          `json:"code"`
		Object   string          `json:"object"`
		Message  string          `json:"message"`
		Hint     string          `json:"hint"`
	}
	list := []finding{}
	for _, f := range r.Open() {
		list = append(list, finding{f.Pos.File, max(f.Pos.Line, 1), max(f.Pos.Col, 1), f.Severity, f.Code, f.Object, f.Msg, f.Hint})
	}
	return encode(w, list, "")
}

func encode(w io.Writer, v any, indent string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

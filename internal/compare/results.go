package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
)

// result is what one contender did with one job in one measure.
type result struct {
	Contender string
	Size      int        // services or zones
	Measure   string     // "load", "udp last", …; with " CPU" behind it: processor time
	Values    lab.Series // of the rounds: seconds; for new connections: connections a second; for streams: bits a second
	Why       string     `json:",omitempty"` // there are no values, for any measure
}

// run is one run of a part.
type run struct {
	When    time.Time
	Command string
	Machine string
	Rounds  int
	Quick   bool
	Busy    bool // others kept the processors busy before
	Results []result
}

// find returns what a contender did, or why it did not.
func (r run) find(contender, measure string, size int) (v lab.Series, why string) {
	for _, x := range r.Results {
		if x.Contender == contender && x.Size == size {
			if x.Measure == measure {
				return x.Values, ""
			}
			if x.Why != "" {
				why = x.Why
			}
		}
	}
	return nil, why
}

// runs holds the last run of each part.
type runs map[string]run

// readRuns reads what earlier runs have left; a file that is not there holds none.
func readRuns(name string) (runs, error) {
	out := runs{}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	return out, err
}

func (r runs) write(name string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

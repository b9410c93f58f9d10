package balance

import (
	"testing"
	"time"
)

func TestUplink(t *testing.T) {
	now := time.Now()
	soon := now.Add(time.Second)
	for name, c := range map[string]struct {
		is   Uplink
		want Standing
	}{
		"nothing is known":           {Uplink{}, Standing{}},
		"carries":                    {Uplink{Link: LinkCarries}, Standing{}},
		"silent":                     {Uplink{Link: LinkSilent}, Standing{Down: true, Reason: ReasonSilent}},
		"gone, whatever checks say":  {Uplink{Link: LinkGone, Targets: []Health{Up}}, Standing{Down: true, Reason: ReasonGone}},
		"carries again":              {Uplink{Link: LinkCarries, Since: now.Add(-Steady + time.Second), Down: true}, Standing{Down: true, Reason: ReasonSteady, Next: soon}},
		"carries again for long":     {Uplink{Link: LinkCarries, Since: now.Add(-Steady), Down: true}, Standing{}},
		"one target answers":         {Uplink{Targets: []Health{Down, Up}, Down: true}, Standing{}},
		"no target answers":          {Uplink{Targets: []Health{Down, Down}}, Standing{Down: true}},
		"one was not asked yet":      {Uplink{Targets: []Health{Down, Unknown}}, Standing{}},
		"not asked yet, it was down": {Uplink{Targets: []Health{Unknown, Unknown}, Down: true}, Standing{Down: true}},
		"by hand":                    {Uplink{Targets: []Health{Up}, Override: Override{Kind: ForceDown}}, Standing{Down: true, Reason: ReasonOverride}},
		"drained":                    {Uplink{Link: LinkGone, Override: Override{Kind: Drain}}, Standing{Down: true, Spares: true, Reason: ReasonDrained}},
		"by hand for a while":        {Uplink{Override: Override{Kind: ForceDown, Until: soon}}, Standing{Down: true, Reason: ReasonOverride, Next: soon}},
		"by hand until now":          {Uplink{Override: Override{Kind: ForceDown, Until: now}}, Standing{}},
		"up by hand":                 {Uplink{Link: LinkGone, Targets: []Health{Down}, Override: Override{Kind: ForceUp}}, Standing{}},
	} {
		if got := c.is.Stand(now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

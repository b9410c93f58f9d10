package tell

import (
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
)

// synProxy says what the service's SYN proxy offers to clients, in the policy's numbers; "" if it has
// none.
func (sv *serviceView) synProxy() string {
	return sv.byFamily(func(f *readback.Family) string {
		o := f.Offer
		if o == (layout.Offer{}) {
			return ""
		}
		mss := int(o.MSS)
		if f == sv.read.Family(inet.V6) {
			mss += inet.V6.HeaderLen() - inet.V4.HeaderLen()
		}
		text := fmt.Sprintf("SYN proxy with mss %d", mss)
		if o.Timestamp {
			text += fmt.Sprintf(", wscale %d, timestamps", o.WScale)
		}
		if o.Sack {
			text += ", SACK"
		}
		return text
	})
}

package agent

import (
	"slices"
	"testing"

	"github.com/snatctl/snatctl/compiler/tell"
)

// What others changed is what is left without the services that had to change, and their real servers.
func TestBeside(t *testing.T) {
	t.Parallel()
	changes := []tell.Change{
		{Kind: tell.KindService, Name: "web"}, {Kind: tell.KindRealServer, Name: "web/192.168.1.1:80"}, {Kind: tell.KindRealServer, Name: "web/192.168.1.2"},
		{Kind: tell.KindService, Name: "web2"}, {Kind: tell.KindRealServer, Name: "web2/192.168.1.1"},
		{Kind: tell.KindRealServer, Name: "dns/2001:db8::1"}, {Kind: tell.KindZone, Name: "web"}, {Kind: tell.KindRealServer, Name: "mail/192.168.1.1"},
	}
	all := slices.Clone(changes)
	want := []tell.Change{changes[3], changes[4], changes[6], changes[7]}
	if got := beside(changes, []string{"web", "dns", "web"}); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	if !slices.Equal(changes, all) {
		t.Errorf("the changes are %v now", changes)
	}
}

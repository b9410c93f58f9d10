package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/browser"
	"github.com/snatctl/snatctl/internal/nstest"
)

// fromHere leads an address of this machine to a window in a host, and returns the page's: browsers live
// outside of the namespaces.
func fromHere(t testing.TB, h *nstest.Host, window string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := h.Dial("tcp", "", strings.TrimPrefix(window, "http://"))
			if err != nil {
				here.Close()
				continue
			}
			_ = there.SetDeadline(time.Time{})
			for from, to := range map[net.Conn]net.Conn{here: there, there: here} {
				go func() {
					_, _ = io.Copy(to, from)
					to.Close()
				}()
			}
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

// rowOf finds the row of a real server in the page.
func rowOf(service, server string) string {
	return fmt.Sprintf(`document.querySelector('tbody[data-key="%s"] tr[data-key="%s"]')`, service, server)
}

// What stands on the page is what the API says, and a real server that dies turns red without a reload.
func TestPage(t *testing.T) {
	b := browser.Open(t)
	s := startSite(t, "")
	h := s.Gateway
	a := runAgent(t, h, checked, "--http", "127.0.0.1:0")
	for _, rs := range []string{"192.168.1.1", "192.168.1.2", "192.168.1.3"} {
		awaitHealth(t, h, "web", rs, "up")
	}
	hold(t, s.Guests, 7, "tcp", "", "203.0.113.1:80")
	tab := b.Visit(t, fromHere(t, h, a.window(t)), browser.Look{})
	tab.Until("updates", `document.querySelector("#live.on")`)
	browser.Eval[int](tab, `window.loaded = 1`)
	tab.Until("the flows", `document.querySelector('tbody[data-key=web] .service .flows').textContent === "7"`)
	same(t, tab, h, a.window(t))

	for _, link := range browser.Eval[[]string](tab, `[...document.querySelectorAll("footer a, .twins a")].map(a => a.getAttribute("href"))`) {
		if code, _ := curl(t, h, a.window(t)+"/"+link); code != "200" {
			t.Errorf("the link to %s leads to %s", link, code)
		}
	}

	dies(t, s.RS[2], "drop")
	tab.Until("the real server to be red", rowOf("web", "192.168.1.3")+`.className.includes("failed")`)
	awaitHealth(t, h, "web", "192.168.1.3", "down")
	if text := browser.Eval[string](tab, rowOf("web", "192.168.1.3")+`.innerText`); !strings.Contains(text, "down") || !strings.Contains(text, "no answer in 150ms") {
		t.Errorf("its row says %q", text)
	}
	tab.Until("it to be told first", `document.querySelector("#troubles").innerText.includes("real server 192.168.1.3 is down: no answer in 150ms")`)
	same(t, tab, h, a.window(t))
	rises(t, s.RS[2])
	tab.Until("it to be up again", rowOf("web", "192.168.1.3")+`.className.includes("fine")`)

	if r := ctl(t, h, "server", "drain", "web", "192.168.1.1", "--for", "1h"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	tab.Until("the override", rowOf("web", "192.168.1.1")+`.innerText.includes("drained") && document.querySelector("#gateway").innerText.includes("192.168.1.1: drained")`)
	a.write(t, checked+"\n nonsense\n")
	tab.Until("the policy to be refused", `document.querySelector("#troubles").innerText.includes("a newer policy is refused: invalid policy: 1 error")`)
	nft(t, h, "flush chain inet snatctl zones")
	tab.Until("the drift", `document.querySelector("#gateway").innerText.includes("repaired 1 time")`)
	if !browser.Eval[bool](tab, `window.loaded === 1`) {
		t.Error("the page was loaded anew")
	}
	if said := tab.Errors(); len(said) > 0 {
		t.Errorf("the console says %q", said)
	}
	a.kill()
	tab.Until("it to say that nobody answers", `!document.getElementById("lost").hidden`)
}

// same checks that the page and the API say the same of every real server.
func same(t *testing.T, tab *browser.Tab, h *nstest.Host, window string) {
	t.Helper()
	type server struct {
		Address string
		Health  *string
		Weight  int
		Flows   int
	}
	var status struct {
		Services []struct {
			Name    string
			Servers []server `json:"real_servers"`
		}
	}
	differs := ""
	eventually(t, "page and API to agree", func() bool {
		_, body := curl(t, h, window+"/api/v1/status")
		must(t, json.Unmarshal([]byte(body), &status))
		differs = ""
		for _, service := range status.Services {
			for _, rs := range service.Servers {
				row := rowOf(service.Name, rs.Address)
				got := browser.Eval[string](tab, fmt.Sprintf(`(r => r ? [r.querySelector(".state").textContent, r.querySelector(".weight").textContent, r.querySelector(".flows").textContent].join(" ") : "no row")(%s)`, row))
				if want := fmt.Sprintf("%s %d %d", *rs.Health, rs.Weight, rs.Flows); got != want {
					differs += fmt.Sprintf("%s %s is %q on the page, and %q by the API\n", service.Name, rs.Address, got, want)
				}
			}
		}
		return differs == ""
	})
}

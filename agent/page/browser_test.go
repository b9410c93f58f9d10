package page

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/browser"
)

// names are the services that the page shows.
func names(tab *browser.Tab) []string { return tab.Texts(".services .own") }

// press clicks on what a selector finds first.
func press(tab *browser.Tab, selector string) {
	tab.Do(chromedp.Click(chromedp.CSS(selector)))
}

const live = `document.querySelector("#live.on")`

// The page in a browser: what it shows changes with what is known, and with what is asked for, and it is
// never loaded anew. One test, since a browser takes a second to start.
func TestBrowser(t *testing.T) {
	b := browser.Open(t)
	f := of(sample())
	server := httptest.NewServer(Handler(f.source()))
	t.Cleanup(server.Close)
	t.Run("dies", func(t *testing.T) { dies(t, b, f, server.URL) })
	f.now.Store(new(manyServices(4 * perPage)))
	t.Run("asks", func(t *testing.T) { asks(t, b, server.URL) })
	f.now.Store(new(sample()))
	t.Run("colours", func(t *testing.T) { colours(t, b, server.URL) })
	t.Run("narrow", func(t *testing.T) { narrow(t, b, server.URL) })
	t.Run("without script", func(t *testing.T) { withoutScript(t, b, server.URL) })
	t.Run("for all", func(t *testing.T) { forAll(t, b, server.URL) })
}

// dies: a real server that dies turns red, is announced, and the row that had the focus keeps it.
func dies(t *testing.T, b *browser.Browser, f *facts, url string) {
	tab := b.Visit(t, url, browser.Look{})
	tab.Until("updates", live)
	browser.Eval[int](tab, `window.loaded = 1`)
	const row = `document.querySelector('tbody[data-key=mail] tr[data-key="192.168.1.5"]')`
	colour := func() string {
		return browser.Eval[string](tab, `getComputedStyle(`+row+`.querySelector(".state")).color`)
	}
	green := colour()
	browser.Eval[bool](tab, `(document.querySelector('tbody[data-key=mail] .own').focus(), true)`)
	now := sample()
	now.Services[1] = serviceOf("mail", 1, up("192.168.1.4", 2), down("192.168.1.5", "connect: connection refused", 0))
	f.now.Store(&now)
	tab.Until("the real server to be down", row+`.className.includes("failed")`)
	if text := browser.Eval[string](tab, row+`.innerText`); !strings.Contains(text, "down") || !strings.Contains(text, "connect: connection refused") {
		t.Errorf("its row says %q", text)
	}
	if red := colour(); red == green || red != "rgb(184, 37, 26)" {
		t.Errorf("it was %s and is %s", green, red)
	}
	tab.Until("it to be announced", `document.getElementById("news").textContent.includes("real server 192.168.1.5 is down")`)
	if title := browser.Eval[string](tab, `document.title`); title != "(5) gw1 · snatctl" {
		t.Errorf("the title is %q", title)
	}
	if !browser.Eval[bool](tab, `window.loaded === 1 && document.activeElement.textContent === "mail"`) {
		t.Error("the page was loaded anew, or the focus is lost")
	}
	press(tab, "#pause")
	f.now.Store(new(sample()))
	time.Sleep(3 * lookEvery)
	if !strings.Contains(browser.Eval[string](tab, row+`.innerText`), "down") {
		t.Error("it does not pause")
	}
	press(tab, "#pause")
	tab.Until("it to be up again", row+`.className.includes("fine")`)
	noErrors(t, tab)
}

// asks: sorting, searching, showing only what is wrong, turning pages, going back.
func asks(t *testing.T, b *browser.Browser, url string) {
	tab := b.Visit(t, url, browser.Look{})
	tab.Until("updates", live)
	browser.Eval[int](tab, `window.loaded = 1`)
	shows := func(what string, want ...string) {
		t.Helper()
		tab.Until(what, `document.querySelector(".services .own").textContent === "`+want[0]+`"`)
		if got := names(tab); !slices.Equal(got[:min(len(got), len(want))], want) {
			t.Errorf("%s shows %q, want %q first", what, got, want)
		}
	}
	shows("the page", "svc-00005", "svc-00000")
	press(tab, ".services th.name a")
	shows("by name", "svc-00000", "svc-00001")
	if got := browser.Eval[string](tab, `document.querySelector(".services th[aria-sort]").innerText + document.querySelector(".services th[aria-sort]").getAttribute("aria-sort")`); !strings.HasPrefix(got, "Service") || !strings.HasSuffix(got, "ascending") {
		t.Errorf("it is sorted by %q", got)
	}
	press(tab, ".services th.name a")
	shows("by name, backwards", "svc-00099", "svc-00098")
	press(tab, ".pager [rel=next]")
	shows("the next page", "svc-00074")
	tab.Do(chromedp.NavigateBack())
	shows("the page before", "svc-00099")
	tab.Do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "0007"))
	tab.Until("what is searched", `document.querySelector("#services .found").textContent === "11 of 100 services"`)
	press(tab, "input[name=only]")
	tab.Until("nothing to be wrong", `document.querySelector("#services .none")`)
	tab.Do(chromedp.Focus(chromedp.CSS("input[name=q]")), chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(kb.Backspace))
	shows("what is wrong", "svc-00005")
	if got := browser.Eval[string](tab, `location.search`); got != "?sort=name&dir=up&only=wrong" && got != "?only=wrong&sort=name&dir=up" && !strings.Contains(got, "only=wrong") {
		t.Errorf("the address is %q", got)
	}
	press(tab, ".services .own")
	shows("one service", "svc-00005")
	if !browser.Eval[bool](tab, `window.loaded === 1`) {
		t.Error("the page was loaded anew")
	}
	noErrors(t, tab)
}

// colours follow the system, until somebody chooses; the choice stays.
func colours(t *testing.T, b *browser.Browser, url string) {
	const ground = `getComputedStyle(document.body).backgroundColor`
	light, dark := "rgb(246, 247, 248)", "rgb(14, 17, 20)"
	tab := b.Visit(t, url, browser.Look{})
	tab.Until("light", ground+` === "`+light+`"`)
	tab.As(browser.Look{Dark: true})
	tab.Until("dark", ground+` === "`+dark+`"`)
	press(tab, "[data-theme-choice=light]")
	tab.Until("light by choice", ground+` === "`+light+`"`)
	tab.Do(chromedp.Reload())
	tab.Until("light after a reload", ground+` === "`+light+`"`)
	press(tab, `[data-theme-choice=""]`)
	tab.Until("dark again", ground+` === "`+dark+`"`)
	noErrors(t, tab)
}

// narrow: on a phone nothing has to be scrolled sideways, and nothing that matters is missing.
func narrow(t *testing.T, b *browser.Browser, url string) {
	tab := b.Visit(t, url, browser.Look{})
	tab.Until("updates", live)
	for _, l := range []browser.Look{{Phone: true}, {Width: 320, Height: 600}, {Width: 900, Height: 700}, {Width: 1100, Height: 700}} {
		tab.As(l)
		if over := browser.Eval[int](tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%+v: it is %d pixels too wide: %q", l, over, browser.Eval[[]string](tab, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest(".hidden, thead")).map(e => e.tagName + "." + e.getAttribute("class")).slice(0, 5)`))
		}
		for _, want := range []string{"shop", "closed", "192.168.1.6:8080", "connect: connection refused", "322 KiB"} {
			if !strings.Contains(tab.Text("#services"), want) {
				t.Errorf("%+v: the services lack %q", l, want)
			}
		}
	}
	noErrors(t, tab)
}

// withoutScript: everything is a link or a form.
func withoutScript(t *testing.T, b *browser.Browser, url string) {
	tab := b.Visit(t, url, browser.Look{NoScript: true})
	want := []string{"shop", "web", "maintained", "dns", "mail"}
	if got := names(tab); !slices.Equal(got, want) {
		t.Errorf("it shows %q, want %q", got, want)
	}
	press(tab, ".services th.name a")
	tab.Until("by name", `document.querySelector(".services .own").textContent === "dns"`)
	tab.Do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "192.168.1.1"), chromedp.Click(chromedp.CSS("input[name=only]")), chromedp.Click(chromedp.CSS("#ask button")))
	tab.Until("what was asked for", `document.querySelectorAll(".services .own").length === 1`)
	if got := browser.Eval[string](tab, `location.search`); got != "?sort=name&q=192.168.1.1&only=wrong" {
		t.Errorf("the form asks for %q", got)
	}
	press(tab, "[data-theme-choice=dark]")
	tab.Until("dark", `document.documentElement.dataset.theme === "dark"`)
	noErrors(t, tab)
}

// forAll: what those need who use no mouse, or no eyes.
func forAll(t *testing.T, b *browser.Browser, url string) {
	tab := b.Visit(t, url, browser.Look{})
	tab.Until("updates", live)
	for what, rule := range map[string]string{
		"landmarks":                    `["header", "main", "footer", "[role=search]", "nav"].every(s => document.querySelector(s))`,
		"one first heading":            `document.querySelectorAll("h1").length === 1`,
		"names of tables":              `[...document.querySelectorAll("table")].every(e => document.getElementById(e.getAttribute("aria-labelledby")).innerText)`,
		"scopes of heads":              `[...document.querySelectorAll("th")].every(e => ["col", "row", "rowgroup"].includes(e.scope))`,
		"names of controls":            `[...document.querySelectorAll("a, button, input:not([type=hidden])")].every(e => e.innerText.trim() || e.closest("label") && e.closest("label").innerText.trim())`,
		"drawings are not read":        `[...document.querySelectorAll("svg")].every(e => e.getAttribute("aria-hidden") === "true")`,
		"one column is sorted":         `[...document.querySelectorAll("table")].every(e => e.querySelectorAll("[aria-sort]").length === 1)`,
		"no id twice":                  `new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size === document.querySelectorAll("[id]").length`,
		"a language":                   `document.documentElement.lang === "en"`,
		"quiet regions":                `document.querySelectorAll("[aria-live]").length === 1`,
		"states are words":             `[...document.querySelectorAll(".state")].every(e => e.textContent.trim())`,
		"cells fit their heads":        `[...document.querySelectorAll("tbody tr")].every(tr => [...tr.cells].reduce((n, c) => n + c.colSpan, 0) === tr.closest("table").querySelectorAll("thead th").length)`,
		"targets are not too small":    `[...document.querySelectorAll(".tools button, .themes a, .ask input[type=search]")].every(e => e.getBoundingClientRect().height >= 24)`,
		"the skip link leads to a row": `document.getElementById(document.querySelector(".skip").hash.slice(1))`,
	} {
		if !browser.Eval[bool](tab, "!!("+rule+")") {
			t.Errorf("%s: %s does not hold", what, rule)
		}
	}
	tab.Do(chromedp.KeyEvent(kb.Tab))
	if got := browser.Eval[string](tab, `document.activeElement.className + getComputedStyle(document.activeElement).outlineStyle`); got != "skipsolid" {
		t.Errorf("the first stop of tab is %q", got)
	}
	for _, l := range []browser.Look{{}, {Dark: true}} {
		tab.As(l)
		if diff := cmp.Diff([]string{}, browser.Eval[[]string](tab, contrast)); diff != "" {
			t.Errorf("%+v: these have too little contrast:\n%s", l, diff)
		}
	}
}

// contrast lists texts whose contrast to what they stand on is below 4.5 (WCAG 2.2, 1.4.3).
const contrast = `(() => {
	const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
	const over = colours => { canvas.clearRect(0, 0, 1, 1); for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); } return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
	const light = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const bad = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement;
		if (!n.data.trim() || !e.checkVisibility() || e.closest(".hidden, .skip, script, noscript")) continue;
		const under = [];
		for (let p = e; p; p = p.parentElement) under.unshift(getComputedStyle(p).backgroundColor);
		const a = light(over([...under, getComputedStyle(e).color])), b = light(over(under));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) bad.add(e.tagName + "." + e.className + " " + n.data.trim().slice(0, 30) + " " + ratio.toFixed(2));
	}
	return [...bad];
})()`

func noErrors(t *testing.T, tab *browser.Tab) {
	t.Helper()
	if said := tab.Errors(); len(said) > 0 {
		t.Errorf("the console says %q", said)
	}
}

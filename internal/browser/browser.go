// Package browser looks at pages as people do: in Debian's chromium, without a screen, driven by chromedp.
package browser

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Patience is how long a page may take to be as it should: machines are crowded.
const Patience = 45 * time.Second

// Browser is one that runs until the test ends.
type Browser struct{ ctx context.Context }

// Open starts a browser for a test. Where there is none, as in the virtual machines of make kernels, the test is
// skipped; in CI there is one, since make test fails where make deps cannot install it.
func Open(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("no chromium (make deps): %v", err)
	}
	dir := t.TempDir() // before the browser, so that it is removed after its end
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(dir),
		chromedp.NoSandbox, // the superuser's browser has none
		chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.WSURLReadTimeout(Patience), chromedp.Env("DBUS_SESSION_BUS_ADDRESS=disabled:"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); end() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return &Browser{ctx}
}

// Look says how a page is looked at. The zero value is a wide window, in light colours, with JavaScript.
type Look struct {
	Width, Height int64 // CSS pixels; 1440 by 900 unless given
	Phone         bool  // 390 by 844, with the finger
	Dark          bool  // the system has dark colours
	NoScript      bool  // JavaScript is switched off
}

// Tab is an open page.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	errors []string
}

// Visit opens a page in a tab of its own, with cookies of its own.
func (b *Browser) Visit(t testing.TB, url string, l Look) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); end() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium opens no tab: %v", err)
	}
	tab := &Tab{t: t, ctx: ctx}
	go tab.hear(chromedp.Console(ctx))
	tab.As(l)
	tab.Do(chromedp.Navigate(url))
	return tab
}

// As looks at the page in another way.
func (b *Tab) As(l Look) {
	b.t.Helper()
	b.Do(l.emulate)
}

func (l Look) emulate(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
	scale, scheme := 1.0, "light"
	if l.Width == 0 {
		l.Width, l.Height = 1440, 900
	}
	if l.Phone {
		l.Width, l.Height, scale = 390, 844, 2
	}
	if l.Dark {
		scheme = "dark"
	}
	if _, err = cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.Width, Height: l.Height, DeviceScaleFactor: scale, Mobile: l.Phone}); err != nil {
		return none, err
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}); err != nil {
		return none, err
	}
	_, err = cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.NoScript})
	return none, err
}

// hear keeps what a console would show as an error.
func (b *Tab) hear(console iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range console {
		if err != nil {
			return // the tab is closed
		}
		if m.IsException() || m.Type == "error" || m.Type == "warning" || m.Type == "assert" {
			b.mu.Lock()
			b.errors = append(b.errors, m.String())
			b.mu.Unlock()
		}
	}
}

// Errors are what the console shows as errors or warnings, so far.
func (b *Tab) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

// Do carries out actions, each of which must succeed.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, end := context.WithTimeout(b.ctx, Patience)
	defer end()
	for i, a := range actions {
		if err := chromedp.Do(ctx, a); err != nil {
			b.t.Fatalf("action %d: %v; the console says %q", i, err, b.Errors())
		}
	}
}

// Eval returns the value of an expression of JavaScript.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	ctx, end := context.WithTimeout(b.ctx, Patience)
	defer end()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v; the console says %q", expression, err, b.Errors())
	}
	return v
}

// Until waits for an expression of JavaScript to be true.
func (b *Tab) Until(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(Patience); !Eval[bool](b, "(() => { try { return !!("+expression+") } catch { return false } })()"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s; the page says\n%s", what, b.Text("body"))
		}
	}
}

// Text is what people read in an element; empty if there is none.
func (b *Tab) Text(selector string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", selector))
}

// Texts is what people read in all elements of a kind.
func (b *Tab) Texts(selector string) []string {
	b.t.Helper()
	return Eval[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%q)].map(e => e.innerText)", selector))
}

// Picture draws what is seen of the page as PNG.
func (b *Tab) Picture() []byte {
	b.t.Helper()
	ctx, end := context.WithTimeout(b.ctx, Patience)
	defer end()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("no picture: %v", err)
	}
	return png
}

package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A token lets in who knows it, is read again when it changes, and lets nobody in when it cannot be kept
// secret any more.
func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, password+"\n", 0o600)
	s := open(t, Options{TokenFile: file})
	try := func(authorization string) int {
		t.Helper()
		r := request(t, "GET", s.url("/echo"))
		r.Host = "gateway.example.com" // the token is guard enough
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		resp, _ := ask(t, r)
		if resp.StatusCode == 401 && len(resp.Header.Values("WWW-Authenticate")) != 2 {
			t.Errorf("it asks for %v", resp.Header.Values("WWW-Authenticate"))
		}
		return resp.StatusCode
	}
	basic := func(user, password string) string {
		r := request(t, "GET", s.url("/"))
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for authorization, want := range map[string]int{
		"Bearer " + password: 200, "bearer " + password: 200, basic("", password): 200, basic("anna", password): 200,
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer " + password[1:]: 401, "Bearer " + password + "x": 401, basic(password, ""): 401, "Basic %": 401, "Digest " + password: 401,
	} {
		if got := try(authorization); got != want {
			t.Errorf("%q: %d, want %d", authorization, got, want)
		}
	}
	const next = "another-horse-battery"
	write(t, file+".new", next, 0o600)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	if was, is := try("Bearer "+password), try("Bearer "+next); was != 401 || is != 200 {
		t.Errorf("after a change the old token gives %d, the new one %d", was, is)
	}
	for mode, want := range map[os.FileMode]int{0o644: 503, 0o604: 503, 0o620: 503, 0o640: 200, 0o600: 200, 0o400: 200} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if got := try("Bearer " + next); got != want {
			t.Errorf("of mode %04o: %d, want %d", mode, got, want)
		}
	}
	for text, want := range map[string]string{"": "of 0 characters", "short": "of 5 characters", password + " " + password: "more than one word"} {
		bad := filepath.Join(t.TempDir(), "token")
		write(t, bad, text, 0o600)
		if _, err := openToken(bad, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the token %q: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := try("Bearer " + next); got != 503 {
		t.Errorf("without its file: %d", got)
	}
}

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/authority"
	"github.com/snatctl/snatctl/internal/nstest"
)

// window is where an agent with --http 127.0.0.1:0 answers.
func (a *agentRun) window(t *testing.T) string {
	t.Helper()
	var at string
	eventually(t, "the agent to answer over HTTP", func() bool {
		for _, line := range linesOf(a.log.String()[a.begun:], "http_listening") { // not of an agent before this one
			_, at, _ = strings.Cut(strings.TrimSpace(line), "address=")
		}
		return at != ""
	})
	return "http://" + at
}

// curl asks from a host, and returns the status and the body.
func curl(t testing.TB, h *nstest.Host, args ...string) (code, body string) {
	t.Helper()
	r := run(t, h, "curl", append([]string{"-sS", "-m", "60", "-w", "\n%{http_code}"}, args...)...)
	i := strings.LastIndexByte(r.Stdout, '\n')
	if r.Code != 0 || i < 0 {
		t.Fatalf("curl %v: %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout[i+1:], r.Stdout[:i]
}

// An agent is healthy while it runs, and ready while its table is as the files say.
func TestAgentHTTPHealth(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small, "--http", "127.0.0.1:0", "--no-repair")
	at := a.window(t)
	ready := func(want, text string) {
		t.Helper()
		eventually(t, "/readyz to say "+want, func() bool {
			code, body := curl(t, h, at+"/readyz")
			return code == want && strings.Contains(body, text)
		})
		if code, body := curl(t, h, at+"/healthz"); code != "200" || body != "ok\n" {
			t.Errorf("/healthz is %s %s", code, body)
		}
	}
	ready("200", "ok")
	nft(t, h, "flush chain inet snatctl zones")
	ready("503", "the table differs from the policy: ")
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	ready("200", "ok")
	a.write(t, small+"\n nonsense\n")
	eventually(t, "the policy to be refused", func() bool { return a.snapshot(t).Policy.Error != "" })
	ready("200", "ok") // what was in force is
	a.kill()
	a.start(t)
	at = a.window(t)
	eventually(t, "the last good policy not to be ready", func() bool {
		code, body := curl(t, h, a.window(t)+"/readyz")
		return code == "503" && strings.Contains(body, "the last good policy is in force")
	})
}

// Off loopback an agent does not start unguarded, and changes nothing; guarded by a token it answers who
// knows it.
func TestAgentHTTPGuarded(t *testing.T) {
	h := startGateway(t, "")
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("correct-horse-battery\n"), 0o644))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--http", "0.0.0.0:0"}, 2, "give --http-token-file, or --http-tls-cert, --http-tls-key and --http-tls-client-ca"},
		{[]string{"--http", ":0", "--http-tls-cert", token, "--http-tls-key", token}, 2, "is no address of loopback"},
		{[]string{"--http-token-file", token}, 2, "are about --http ADDRESS:PORT"},
		{[]string{"--http", ":0", "--http-token-file", token}, 1, "chmod 600 " + token + "; nothing was changed"},
		{[]string{"--http", ":0", "--http-token-file", token + ".not"}, 1, "no such file"},
	} {
		a := newAgent(t, h, small, c.args...)
		a.launch(t)
		a.ends(t, 0, c.code)
		if got := a.log.String(); !strings.Contains(got, c.want) {
			t.Errorf("%v: it says %s", c.args, got)
		}
	}
	if got := exact(t, h); got != "" {
		t.Errorf("it makes\n%s", got)
	}
	must(t, os.Chmod(token, 0o600))
	a := runAgent(t, h, small, "--http", "0.0.0.0:0", "--http-token-file", token)
	at := a.window(t) + "/readyz"
	if code, _ := curl(t, h, at); code != "401" {
		t.Errorf("without the token: %s", code)
	}
	if code, body := curl(t, h, "-H", "Authorization: Bearer correct-horse-battery", at); code != "200" {
		t.Errorf("with the token: %s %s", code, body)
	}
	if code, body := curl(t, h, "-u", "anna:correct-horse-battery", at); code != "200" {
		t.Errorf("with the token as password: %s %s", code, body)
	}
	if len(a.logged("http_in_clear")) != 1 {
		t.Error("it does not say that the token can be read on the way")
	}
}

// The agent's socket is for its user alone, and for a group if one is named: others cannot even ask.
func TestAgentSocketPermissions(t *testing.T) {
	h := startGateway(t, "")
	if os.Getuid() != 0 {
		t.Skip("only root can become others")
	}
	const nobody, daemon = "65534", "1" // Debian's fixed numbers: users nobody and daemon, groups nogroup and daemon
	ask := func(a *agentRun, gid string) nstest.Result {
		t.Helper()
		return run(t, h, "setpriv", "--reuid", nobody, "--regid", gid, "--clear-groups", "curl", "-sS", "-m", "60", "--unix-socket", a.socket, "http://agent/api/v1/agent")
	}
	open := func(a *agentRun) {
		t.Helper()
		for dir := filepath.Dir(a.socket); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			must(t, os.Chmod(dir, 0o755))
		}
	}
	a := runAgent(t, h, small)
	open(a)
	if info, err := os.Stat(a.socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if r := ask(a, daemon); r.Code != 7 {
		t.Errorf("others ask: curl exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	a.ends(t, syscall.SIGTERM, 0)
	a = runAgent(t, h, small, "--socket-group", "daemon")
	open(a)
	if info, err := os.Stat(a.socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if r := ask(a, daemon); r.Code != 0 || !strings.Contains(r.Stdout, `"table":"snatctl"`) {
		t.Errorf("the group asks: curl exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := ask(a, nobody); r.Code != 7 {
		t.Errorf("others ask: curl exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// With certificates of clients an agent answers off loopback who has one, and renews its own.
func TestAgentHTTPCertificates(t *testing.T) {
	h := startGateway(t, "")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	ours, others := authority.New(t), authority.New(t)
	save := func(a *authority.Authority, name string) {
		t.Helper()
		authority.Save(t, a.Issue(t, "gateway.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), path(name+".crt"), path(name+".key"))
	}
	save(ours, "gateway")
	save(ours, "client")
	save(others, "stranger")
	a := runAgent(t, h, small, "--http", "0.0.0.0:0", "--http-tls-cert", path("gateway.crt"), "--http-tls-key", path("gateway.key"), "--http-tls-client-ca", ours.File)
	_, port, _ := strings.Cut(strings.TrimPrefix(a.window(t), "http://"), ":")
	ask := func(ca *authority.Authority, args ...string) nstest.Result {
		t.Helper()
		return run(t, h, "curl", append([]string{"-sS", "-m", "60", "--cacert", ca.File, "--resolve", "gateway.example.com:" + port + ":127.0.0.1", "https://gateway.example.com:" + port + "/readyz"}, args...)...)
	}
	client := []string{"--cert", path("client.crt"), "--key", path("client.key")}
	if r := ask(ours, client...); r.Code != 0 || r.Stdout != "ok\n" {
		t.Errorf("a client: curl exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for what, args := range map[string][]string{"nobody": nil, "a stranger": {"--cert", path("stranger.crt"), "--key", path("stranger.key")}, "TLS 1.1": append([]string{"--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}, client...)} {
		if r := ask(ours, args...); r.Code == 0 {
			t.Errorf("%s is answered: %s", what, r.Stdout)
		}
	}
	save(others, "gateway")
	if r := ask(others, client...); r.Code != 0 || len(a.logged("http_tls_read")) == 0 {
		t.Errorf("after a renewal curl exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

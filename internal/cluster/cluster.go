// Package cluster runs members of etcd, for tests of what speaks with it: they are killed, stopped for a while
// and started again.
package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

// Cluster is some members of etcd, on addresses of this host that only tests have.
type Cluster struct {
	Members []*Member
	t       testing.TB
	o       Options
}

// Options are what is not as usual.
type Options struct {
	Members int                      // 0: one
	Flags   []string                 // more of etcd's
	Do      func(func() error) error // starts members elsewhere: in a network namespace; they are not awaited then
	TLS     func(ip string) []string // flags by which clients speak TLS with the member of an address; nil: they do not
}

// Member is one of them.
type Member struct {
	Name    string
	URL     string // for clients
	Address string // host:port, for clients
	dir     string
	peer    string
	cmd     *exec.Cmd
	gone    chan struct{}
	log     *os.File
}

// Start runs a cluster until the test ends. Without etcd the test is skipped, or fails where SNATCTL_REQUIRE_NETNS
// says that all has to be there.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	nstest.Needs(t, "etcd")
	c := &Cluster{t: t, o: o}
	dir := memory(t)
	net := fmt.Sprintf("127.%d.%d.", 64+rand.N(128), rand.N(256)) // nobody else's, most likely
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	for i := range max(1, o.Members) {
		c.Members = append(c.Members, member(fmt.Sprintf("m%d", i), scheme, fmt.Sprintf("%s%d", net, i+1), filepath.Join(dir, fmt.Sprint(i))))
	}
	for i := range c.Members {
		c.Run(i)
	}
	t.Cleanup(func() {
		for i := range c.Members {
			c.Kill(i)
		}
	})
	c.Await()
	return c
}

// member is one of an address, whose data are in a directory.
func member(name, scheme, ip, dir string) *Member {
	return &Member{Name: name, URL: scheme + "://" + ip + ":2379", Address: ip + ":2379", peer: "http://" + ip + ":2380", dir: dir}
}

// words are those of the command that runs the member.
func (m *Member) words(initial []string) []string {
	scheme, _, _ := strings.Cut(m.URL, "://")
	return []string{
		"etcd", "--name", m.Name, "--data-dir", m.dir, "--listen-client-urls", scheme + "://" + m.Address, "--advertise-client-urls", m.URL,
		"--listen-peer-urls", m.peer, "--initial-advertise-peer-urls", m.peer, "--initial-cluster", strings.Join(initial, ","),
		"--heartbeat-interval", "100", "--election-timeout", "1000", "--logger", "zap", "--log-outputs", "stderr",
	}
}

// Serve runs the only member of an etcd in a host, at an address of it, for as long as the host is there. Data and
// log are in a directory. It may not take requests yet: clients try again.
func Serve(h *nstest.Host, dir, ip string) (*nstest.Daemon, error) {
	m := member("m0", "http", ip, filepath.Join(dir, "etcd"))
	return h.Start(filepath.Join(dir, "etcd.log"), m.words([]string{m.Name + "=" + m.peer})...)
}

// memory is a directory that costs no time to write to, where there is one.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "etcd-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// URLs are the endpoints of all members.
func (c *Cluster) URLs() (all []string) {
	for _, m := range c.Members {
		all = append(all, m.URL)
	}
	return all
}

// Run starts a member, with what it had before.
func (c *Cluster) Run(i int) {
	c.t.Helper()
	m := c.Members[i]
	var initial []string
	for _, o := range c.Members {
		initial = append(initial, o.Name+"="+o.peer)
	}
	args := append(m.words(initial), c.o.Flags...)
	if c.o.TLS != nil {
		ip, _, _ := strings.Cut(m.Address, ":")
		args = append(args, c.o.TLS(ip)...)
	}
	m.cmd = exec.Command(args[0], args[1:]...)
	begin := c.o.Do
	if begin == nil {
		begin = func(f func() error) error { return f() }
		m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	var err error
	if m.log, err = os.OpenFile(m.dir+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		c.t.Fatal(err)
	}
	m.cmd.Stderr = m.log
	if err := begin(m.cmd.Start); err != nil {
		c.t.Fatal(err)
	}
	m.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait()
		close(gone)
	}(m.cmd, m.gone)
}

// Kill ends a member as a power cut does.
func (c *Cluster) Kill(i int) {
	m := c.Members[i]
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	<-m.gone
	_ = m.log.Close()
	m.cmd = nil
}

// End ends a member in good order.
func (c *Cluster) End(i int) {
	m := c.Members[i]
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.gone:
	case <-time.After(10 * time.Second):
	}
	c.Kill(i)
}

// Hang stops a member without ending it: its connections stay, and nobody answers.
func (c *Cluster) Hang(i int) { _ = c.Members[i].cmd.Process.Signal(syscall.SIGSTOP) }

// GoOn lets it run again.
func (c *Cluster) GoOn(i int) { _ = c.Members[i].cmd.Process.Signal(syscall.SIGCONT) }

// Await waits until the cluster takes requests. One of TLS, or elsewhere, is awaited by whoever has the means.
func (c *Cluster) Await() {
	c.t.Helper()
	if c.o.TLS != nil || c.o.Do != nil {
		return
	}
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := c.ask(0, "kv/range", map[string]any{"key": []byte("x")}, nil)
		if err == nil || strings.Contains(err.Error(), "user name is empty") {
			return
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(c.Members[0].dir + ".log")
			c.t.Fatalf("etcd does not answer: %v\n%s", err, log[max(0, len(log)-2000):])
		}
	}
}

// Leader is the number of the member that leads.
func (c *Cluster) Leader() int {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for i, m := range c.Members {
			var s struct {
				Header struct {
					Member string `json:"member_id"`
				} `json:"header"`
				Leader string `json:"leader"`
			}
			if m.cmd != nil && c.ask(i, "maintenance/status", map[string]any{}, &s) == nil && s.Leader == s.Header.Member {
				return i
			}
		}
	}
	c.t.Fatal("no member leads")
	return 0
}

// Used is what a member has taken of the processor since it was started, and the most memory that it has held.
func (c *Cluster) Used(i int) (busy time.Duration, peak int64) {
	c.t.Helper()
	pid := c.Members[i].cmd.Process.Pid
	busy, err := lab.CPUOf(pid)
	if err == nil {
		peak, err = lab.PeakOf(pid)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return busy, peak
}

// Compact has etcd forget all revisions but the newest.
func (c *Cluster) Compact() {
	c.t.Helper()
	var now struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	err := c.ask(0, "kv/range", map[string]any{"key": []byte("x")}, &now)
	if err == nil {
		err = c.ask(0, "kv/compaction", map[string]any{"revision": now.Header.Revision, "physical": true}, nil)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Ask has a member do something, as docs of etcd's gateway call it.
func (c *Cluster) Ask(i int, path string, in map[string]any) {
	c.t.Helper()
	if err := c.ask(i, path, in, nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) ask(i int, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Members[i].Address+"/v3/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, answer.String())
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Bytes(), out)
}

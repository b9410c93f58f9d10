package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/snatctl/snatctl/internal/authority"
	"github.com/snatctl/snatctl/internal/nstest"
)

// Where mortals answer: their process to clients over TCP and UDP, and what checks ask.
const (
	mortalTCP, mortalUDP               = 7000, 7001
	mortalHTTP, mortalHTTPS, mortalDNS = 7080, 7443, 7053
)

// mortal is a real server that can die in many ways. Clients are answered by a process of its own; pages
// and names that checks ask for come from the test.
type mortal struct {
	host    *nstest.Host
	process *exec.Cmd

	status  atomic.Int32 // of pages; 0: they flap, a second each
	slow    atomic.Bool  // pages take longer than any check waits
	expired atomic.Bool  // its certificate is
	rcode   atomic.Int32 // of names
}

// newMortal makes the n-th real server of a world a mortal.
func newMortal(t testing.TB, w *nstest.World, n int, ca *authority.Authority) *mortal {
	t.Helper()
	m := &mortal{host: w.RS[n]}
	m.status.Store(http.StatusOK)
	m.begin(t)
	t.Cleanup(m.kill)
	now := time.Now()
	valid := ca.Issue(t, "www.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	expired := ca.Issue(t, "www.example.com", now.Add(-25*time.Hour), now.Add(-time.Hour))
	page := http.HandlerFunc(m.page)
	m.serve(t, mortalHTTP, page, nil)
	m.serve(t, mortalHTTPS, page, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if m.expired.Load() {
			return &expired, nil
		}
		return &valid, nil
	}})
	var c net.PacketConn
	must(t, m.host.Do(func() (err error) { c, err = net.ListenPacket("udp", fmt.Sprintf(":%d", mortalDNS)); return err }))
	names := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetRcode(q, int(m.rcode.Load()))
		_ = w.WriteMsg(a)
	})}
	go names.ActivateAndServe()
	t.Cleanup(func() { c.Close() })
	return m
}

func (m *mortal) page(w http.ResponseWriter, r *http.Request) {
	if m.slow.Load() {
		select {
		case <-r.Context().Done():
		case <-time.After(3 * time.Second):
		}
	}
	status := int(m.status.Load())
	if status == 0 {
		status = []int{http.StatusOK, http.StatusInternalServerError}[time.Now().Unix()%2]
	}
	w.WriteHeader(status)
}

func (m *mortal) serve(t testing.TB, port int, h http.Handler, secure *tls.Config) {
	t.Helper()
	var l net.Listener
	must(t, m.host.Do(func() (err error) { l, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); return err }))
	t.Cleanup(func() { l.Close() })
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	go (&http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}).Serve(l) // checks hang up as they like
}

// mortalWord as first argument makes the program of the tests the process of a mortal, whose name follows.
const mortalWord = "mortal"

// begin starts its process, and waits until that answers.
func (m *mortal) begin(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	m.process = exec.Command(self, mortalWord, m.host.Name)
	m.process.Stderr = os.Stderr
	out, err := m.process.StdoutPipe()
	must(t, err)
	must(t, m.host.Do(m.process.Start))
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("%s does not begin: %v", m.host.Name, err)
	}
}

// kill ends its process; its kernel resets whoever calls, and whoever is connected.
func (m *mortal) kill() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
}

// mortalProcess answers as hosts of nstest do, until it is killed.
func mortalProcess(name string) {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", mortalTCP))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	u, err := net.ListenUDP("udp", &net.UDPAddr{Port: mortalUDP})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	go nstest.AnswerUDP(name, u)
	nstest.AnswerTCP(name, l)
	os.Exit(1)
}

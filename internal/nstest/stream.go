package nstest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Stream is a TCP connection that keeps sending numbered words to an echo server and
// checks that every one of them comes back, in order.
type Stream struct {
	Answer Answer // who is at the far end, and how it sees the client

	conn  net.Conn
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	bytes int64 // checked bytes that came back
	err   error // the first thing that went wrong
}

// streamBlock is what is sent at a time, every streamPause.
const (
	streamBlock = 4096
	streamPause = 2 * time.Millisecond
)

// asked connects to a server of ServeTCP or ServeUDP, and asks it who it is; each may take as long as limit.
func (h *Host) asked(limit time.Duration, network, laddr, raddr string) (net.Conn, Answer, error) {
	c, err := h.DialWithin(limit, network, laddr, raddr)
	if err != nil {
		return nil, Answer{}, err
	}
	a, err := AskWithin(limit, c)
	if err != nil {
		c.Close()
		return nil, Answer{}, err
	}
	return c, a, nil
}

// OpenStream connects to a server of ServeTCP and starts the exchange.
func (h *Host) OpenStream(laddr, raddr string) (*Stream, error) {
	c, a, err := h.asked(Patience, "tcp", laddr, raddr)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Time{})
	s := &Stream{Answer: a, conn: c, stop: make(chan struct{})}
	s.wg.Add(2)
	go s.send()
	go s.check()
	return s, nil
}

func (s *Stream) send() {
	defer s.wg.Done()
	block := make([]byte, streamBlock)
	tick := time.NewTicker(streamPause)
	defer tick.Stop()
	for word := uint64(0); ; {
		for i := 0; i < len(block); i += 8 {
			binary.BigEndian.PutUint64(block[i:], word)
			word++
		}
		if _, err := s.conn.Write(block); err != nil {
			s.fail(fmt.Errorf("send: %w", err))
			return
		}
		select {
		case <-s.stop:
			s.conn.(*net.TCPConn).CloseWrite()
			return
		case <-tick.C:
		}
	}
}

func (s *Stream) check() {
	defer s.wg.Done()
	block := make([]byte, streamBlock)
	for word := uint64(0); ; {
		if _, err := io.ReadFull(s.conn, block); err == io.EOF {
			select {
			case <-s.stop:
			default:
				s.fail(fmt.Errorf("the far end hung up"))
			}
			return
		} else if err != nil {
			s.fail(fmt.Errorf("receive: %w", err))
			return
		}
		for i := 0; i < len(block); i += 8 {
			if got := binary.BigEndian.Uint64(block[i:]); got != word {
				s.fail(fmt.Errorf("word %d came back where %d was due", got, word))
				return
			}
			word++
		}
		s.mu.Lock()
		s.bytes += int64(len(block))
		s.mu.Unlock()
	}
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Bytes returns how many bytes have made the round trip and were the right ones.
func (s *Stream) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Err returns what has interrupted the stream, nil while it is whole.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Alive waits for bytes sent from now on to come back, and tells what kept them.
func (s *Stream) Alive() error {
	want := s.Bytes() + 64*streamBlock // more than is under way
	for deadline := time.Now().Add(3 * time.Second); s.Bytes() < want; time.Sleep(streamPause) {
		if err := s.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("stalled after %d bytes", s.Bytes())
		}
	}
	return s.Err()
}

// Close ends the exchange in good order, lets what is under way come back, and returns
// what had interrupted the stream.
func (s *Stream) Close() error {
	close(s.stop)
	s.conn.SetDeadline(time.Now().Add(3 * time.Second))
	s.wg.Wait()
	s.conn.Close()
	return s.Err()
}

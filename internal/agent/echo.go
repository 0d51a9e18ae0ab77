package agent

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// echo is a trivial target: a line for a line over TCP, and a counter of the
// datagrams it got. It is in this binary so that the deployment can be tested
// whole without any other image. Its clock obeys the control file as a target
// under libfaketime would.
//
//	clock            → its own clock, in nanoseconds since 1970
//	talk ADDR        → asks the echo at ADDR for its clock: "ok" or "error …"
//	post ADDR COUNT  → sends so many datagrams to ADDR: "ok"
//	rtt ADDR COUNT   → the median of so many questions and answers, in nanoseconds
//	got ADDR         → how many datagrams came from ADDR
//	write PATH WORD  → puts a word into a file: "ok" or "error …"
//	read PATH        → the word that is there: "has WORD", or "error …"
//	deaf             → from now on takes no notice of being asked to end: "ok"
//	exit             → ends the process
func echo(port, clockFile string) error {
	udp, err := net.ListenPacket("udp4", ":"+port)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", ":"+port)
	if err != nil {
		return err
	}
	fmt.Println("echo: ready")
	e := &echoer{clockFile: clockFile, udp: udp, got: map[string]int{}}
	go e.receive()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go e.serve(conn)
	}
}

type echoer struct {
	clockFile string
	udp       net.PacketConn

	mu  sync.Mutex
	got map[string]int
}

func (e *echoer) receive() {
	buf := make([]byte, 16)
	for {
		_, from, err := e.udp.ReadFrom(buf)
		if err != nil {
			continue
		}
		e.mu.Lock()
		e.got[from.(*net.UDPAddr).IP.String()]++
		e.mu.Unlock()
	}
}

func (e *echoer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for scan := bufio.NewScanner(conn); scan.Scan(); {
		if _, err := fmt.Fprintln(conn, e.answer(strings.Fields(scan.Text()))); err != nil {
			return
		}
	}
}

func (e *echoer) answer(words []string) string {
	switch {
	case len(words) == 1 && words[0] == "clock":
		return strconv.FormatInt(e.clock().UnixNano(), 10)
	case len(words) == 2 && words[0] == "talk":
		if err := talk(words[1]); err != nil {
			return "error " + err.Error()
		}
		return "ok"
	case len(words) == 3 && words[0] == "post":
		return e.post(words[1], words[2])
	case len(words) == 3 && words[0] == "rtt":
		return roundTrips(words[1], words[2])
	case len(words) == 2 && words[0] == "got":
		e.mu.Lock()
		defer e.mu.Unlock()
		return strconv.Itoa(e.got[words[1]])
	case len(words) == 3 && words[0] == "write":
		if err := os.WriteFile(words[1], []byte(words[2]), 0o600); err != nil {
			return "error " + err.Error()
		}
		return "ok"
	case len(words) == 2 && words[0] == "read":
		word, err := os.ReadFile(words[1])
		if err != nil {
			return "error " + err.Error()
		}
		return "has " + string(word)
	case len(words) == 1 && words[0] == "deaf":
		signal.Ignore(syscall.SIGTERM)
		return "ok"
	case len(words) == 1 && words[0] == "exit":
		os.Exit(3)
	}
	return "error not understood"
}

// clock is the time with the offset of the control file.
func (e *echoer) clock() time.Time {
	b, _ := os.ReadFile(e.clockFile)
	seconds, _ := time.ParseDuration(strings.TrimSpace(string(b)) + "s")
	return time.Now().Add(seconds)
}

func talk(address string) error {
	const patience = 300 * time.Millisecond
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, "clock"); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}

// roundTrips asks over one connection, one question after the other.
func roundTrips(address, count string) string {
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return "error the count is " + count
	}
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "error " + err.Error()
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	took, answers := make([]time.Duration, n), bufio.NewReader(conn)
	for i := range took {
		began := time.Now()
		if _, err := fmt.Fprintln(conn, "got nobody"); err != nil {
			return "error " + err.Error()
		}
		if _, err := answers.ReadString('\n'); err != nil {
			return "error " + err.Error()
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return strconv.FormatInt(int64(took[n/2]), 10)
}

func (e *echoer) post(address, count string) string {
	to, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return "error " + err.Error()
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return "error " + err.Error()
	}
	for range n {
		_, _ = e.udp.WriteTo([]byte("hello"), to) // a cut may refuse it
	}
	return "ok"
}

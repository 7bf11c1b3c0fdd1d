package loadgen

import (
	"fmt"
	"net"
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

const (
	connectTimeout = 10 * time.Second // SYN retries of a full accept queue included
	// slowConnect is where a connect was most likely tried twice: the kernel sends a lost
	// SYN again after a second (tcp(7), tcp_syn_retries).
	slowConnect = time.Second
	// spareDescriptors are those a run needs beside its connections: event queues, the
	// control and admin connections, standard streams, the Go runtime's own.
	spareDescriptors  = 64
	consumerReceivers = 2 // the most receiver threads that consumers have, one a kind
)

// dialer opens non-blocking TCP connections to one address. One goroutine uses it.
type dialer struct {
	text    string
	domain  int
	addr    unix.Sockaddr
	sources []unix.Sockaddr // that connections come from in turn; none: the kernel's choice
	dialled int

	totalNs, slowestNs int64
	slow               int // took slowConnect or longer
}

// dialers are one for each address that connections go to. One goroutine uses them.
type dialers struct {
	sources int
	to      map[string]*dialer
}

func (d *dialers) get(addr string) (*dialer, error) {
	if d.to[addr] == nil {
		one, err := newDialer(addr, d.sources)
		if err != nil {
			return nil, err
		}
		d.to[addr] = one
	}
	return d.to[addr], nil
}

// dial blocks until a connection to an address stands and returns its descriptor.
func (d *dialers) dial(addr string) (int, error) {
	to, err := d.get(addr)
	if err != nil {
		return 0, err
	}
	return to.dial()
}

// descriptors are those of open connections. Any thread may use them.
type descriptors struct {
	mu   sync.Mutex
	open map[int]bool
}

func (d *descriptors) add(fd int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[int]bool{}
	}
	d.open[fd] = true
}

func (d *descriptors) close(fd int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, fd)
	unix.Close(fd)
}

func (d *descriptors) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for fd := range d.open {
		unix.Close(fd)
	}
	d.open = nil
}

// newDialer makes one whose connections come from that many addresses of loopback.
func newDialer(target string, sources int) (*dialer, error) {
	addr, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", target, err)
	}
	if addr.IP == nil {
		return nil, fmt.Errorf("target %q names no host", target)
	}
	d := &dialer{text: target, domain: unix.AF_INET6, addr: &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())}}
	ip := addr.IP.To4()
	if ip != nil {
		d.domain, d.addr = unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
	}
	if sources == 1 {
		return d, nil
	}
	if ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("knob source-addresses: %d addresses of loopback cannot reach target %s, which is not on it", sources, target)
	}
	for i := range sources {
		d.sources = append(d.sources, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i)}})
	}
	return d, nil
}

// checkPorts refuses more connections to one address than ports to come from.
func checkPorts(connections, sources int) error {
	bounds, err := proc.SysctlInts("net.ipv4.ip_local_port_range")
	if err == nil && len(bounds) != 2 {
		err = fmt.Errorf("it holds %v", bounds)
	}
	if err != nil {
		return fmt.Errorf("read the range of local ports: %w", err)
	}
	ports := bounds[1] - bounds[0] + 1
	if connections <= ports*sources {
		return nil
	}
	return fmt.Errorf("%d connections to one address need as many local ports, and %d source addresses have %d each; raise knob source-addresses to %d",
		connections, sources, ports, (connections+ports-1)/ports)
}

// dial blocks until one connection stands and returns its descriptor.
func (d *dialer) dial() (int, error) {
	fd, err := unix.Socket(d.domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	beganNs := clock.Now()
	if err := d.connect(fd); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("connect to target %s: %w", d.text, err)
	}
	ns := clock.Now() - beganNs
	d.dialled++
	d.totalNs += ns
	d.slowestNs = max(d.slowestNs, ns)
	if ns >= int64(slowConnect) {
		d.slow++
	}
	return fd, nil
}

func (d *dialer) connect(fd int) error {
	timeout := unix.NsecToTimeval(int64(connectTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return fmt.Errorf("setsockopt(SO_SNDTIMEO): %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("setsockopt(TCP_NODELAY): %w", err)
	}
	if err := d.bind(fd); err != nil {
		return err
	}
	for {
		err := unix.Connect(fd, d.addr)
		switch err {
		case nil, unix.EISCONN:
			return unix.SetNonblock(fd, true)
		case unix.EINTR, unix.EALREADY: // a signal came; the handshake goes on
		case unix.EINPROGRESS, unix.EAGAIN:
			return fmt.Errorf("no answer within %v", connectTimeout)
		default:
			return err
		}
	}
}

// bind gives the socket its source address and leaves the port to connect, which knows
// the target and so may share ports (IP_BIND_ADDRESS_NO_PORT, ip(7)).
func (d *dialer) bind(fd int) error {
	if len(d.sources) == 0 {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("setsockopt(IP_BIND_ADDRESS_NO_PORT): %w", err)
	}
	source := d.sources[d.dialled%len(d.sources)]
	if err := unix.Bind(fd, source); err != nil {
		return fmt.Errorf("bind to 127.0.0.%d: %w", 1+d.dialled%len(d.sources), err)
	}
	return nil
}

// CheckRoom reports whether the system lets a generator of this configuration have its connections
// and threads; the error says which limit is too low, what is needed, and how to raise it.
func CheckRoom(c Config) error {
	if err := osthread.CheckDescriptors("load generator", c.ConnectionCount(), spareDescriptors); err != nil {
		return err
	}
	if err := checkPorts(c.ConnectionCount(), c.SourceAddresses); err != nil {
		return err
	}
	if err := osthread.CheckRoom(2*c.pairs() + consumerReceivers); err != nil {
		return fmt.Errorf("a load generator of %d thread pairs: %w", c.pairs(), err)
	}
	return nil
}

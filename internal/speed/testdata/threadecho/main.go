// Command threadecho gives each connection a blocking thread that sends back what it
// receives, with the project's threads and system calls and nothing else: what a server of
// such threads in Go can reach. usage: threadecho CPU; it prints its port.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"
)

const bufferBytes = 512

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments, want the CPU", len(args))
	}
	cpu, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := osthread.PinProcess([]int{cpu}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	threads := osthread.NewRegistry(osthread.Options{SharePs: true})
	for n := 0; ; n++ {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		blocking, err := conn.(*net.TCPConn).File()
		if err != nil {
			return err
		}
		conn.Close()
		err = threads.StartSoon(fmt.Sprintf("conn-%d", n), func(*osthread.Thread) { echo(blocking) }, func(error) {})
		if err != nil {
			return err
		}
	}
}

// echo serves a connection to its end.
func echo(conn *os.File) {
	defer conn.Close()
	fd := int(conn.Fd())
	var buffer [bufferBytes]byte
	for {
		n, errno := poll.RecvWait(fd, buffer[:])
		if n <= 0 || errno != 0 {
			return
		}
		if _, errno := poll.Send(fd, buffer[:n], false); errno != 0 {
			return
		}
	}
}

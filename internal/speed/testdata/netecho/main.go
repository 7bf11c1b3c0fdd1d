// Command netecho is a bare echo server on package net: a goroutine a connection,
// frames of a 4-byte length and a payload. It prints its port.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(conn)
	}
}

// echo reads what there is, as a server would, and answers each whole frame.
func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 16<<10)
	for filled := 0; ; {
		n, err := conn.Read(buffer[filled:])
		if err != nil {
			return // the client is gone
		}
		filled += n
		for filled >= 4 {
			frame := 4 + int(binary.BigEndian.Uint32(buffer))
			if frame > len(buffer) || filled < frame {
				break
			}
			if _, err := conn.Write(buffer[:frame]); err != nil {
				return
			}
			filled = copy(buffer, buffer[frame:filled])
		}
	}
}

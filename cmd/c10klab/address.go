package main

import (
	"fmt"
	"net"
	"strconv"
)

// checkAddress refuses a flag's value that is not HOST:PORT; an empty one is a
// matter of the flag.
func checkAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if _, _, err := parseAddress(address); err != nil {
		return fmt.Errorf("%s %q: %w", flag, address, err)
	}
	return nil
}

func parseAddress(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no port", text)
	}
	return host, uint16(number), nil
}

package slowdisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/record"
)

// Client asks a disk over its control socket. Any thread may call it.
type Client struct {
	control   string
	transport *http.Transport
}

const askWithin = 10 * time.Second

// NewClient returns a client of the disk whose control socket is at the path.
func NewClient(control string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", control)
	}
	return &Client{control, &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// SetDelay switches the model's delay on or off.
func (c *Client) SetDelay(on bool) error {
	return c.post(record.DiskDelayPath, url.Values{"on": {strconv.FormatBool(on)}})
}

// Stall lets every request wait for d from now; 0 ends a stall.
func (c *Client) Stall(d time.Duration) error {
	return c.post(record.DiskStallPath, url.Values{"for": {d.String()}})
}

// Mark begins a window.
func (c *Client) Mark() error { return c.post(record.MarkPath, nil) }

// Status returns the disk's state and what it did since the mark.
func (c *Client) Status() (s record.DiskStatus, err error) {
	text, err := c.ask(askWithin, http.MethodGet, record.DiskStatusPath, nil)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

func (c *Client) alive(limit time.Duration) bool {
	_, err := c.ask(limit, http.MethodGet, alivePath, nil)
	return err == nil
}

func (c *Client) post(path string, values url.Values) error {
	_, err := c.ask(askWithin, http.MethodPost, path, values)
	return err
}

func (c *Client) ask(limit time.Duration, method, path string, values url.Values) ([]byte, error) {
	request, err := http.NewRequest(method, "http://disk"+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: c.transport, Timeout: limit}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the disk at %s: %w", c.control, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("ask the disk at %s for %s: %w", c.control, path, err)
	}
	return text, nil
}

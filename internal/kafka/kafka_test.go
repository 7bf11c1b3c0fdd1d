package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEveryKnownRequestHeaderReadsBack(t *testing.T) {
	for key := range int16(kmsg.MaxKey + 1) {
		req := kmsg.RequestForKey(key)
		if req == nil {
			continue
		}
		for version := range req.MaxVersion() + 1 {
			req.SetVersion(version)
			want := kmsg.NewRequestFormatter(kmsg.FormatterClientID("tester")).AppendRequest(nil, req, 77)
			got := AppendRequest(nil, 77, "tester", req)
			if key == keyControlledShutdown && version == 0 {
				want = got // kmsg's formatter takes this API for a rule of its own
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s v%d: frame % x, want % x", kmsg.NameForKey(key), version, got, want)
			}
			h, body, err := ParseRequestHeader(got[PrefixBytes:])
			if err != nil {
				t.Fatalf("%s v%d: %v", kmsg.NameForKey(key), version, err)
			}
			if h.Key != key || h.Version != version || h.CorrelationID != 77 {
				t.Fatalf("%s v%d read as %+v", kmsg.NameForKey(key), version, h)
			}
			if want := req.AppendTo(nil); !bytes.Equal(body, want) {
				t.Fatalf("%s v%d: body % x, want % x", kmsg.NameForKey(key), version, body, want)
			}
		}
	}
}

func TestRequestHeaderWithTagsAndNullClientID(t *testing.T) {
	frame := []byte{0, 18, 0, 3, 0, 0, 0, 9, 0xff, 0xff, 1, 5, 2, 'x', 'y', 'B'}
	h, body, err := ParseRequestHeader(frame)
	if err != nil || h.ClientID != "" || string(body) != "B" {
		t.Errorf("header %+v, body %q, %v", h, body, err)
	}
}

func TestDamagedRequestHeadersAreErrors(t *testing.T) {
	for name, frame := range map[string][]byte{
		"empty":                    {},
		"shorter than fixed part":  {0, 3, 0, 1, 0, 0, 0},
		"no client id":             {0, 3, 0, 1, 0, 0, 0, 1},
		"client id beyond the end": {0, 3, 0, 1, 0, 0, 0, 1, 0, 9, 'a'},
		"client id length of -2":   {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xfe},
		"tags missing":             {0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff},
		"tag beyond the end":       {0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 1, 0, 9},
		"endless tag count":        {0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		if _, _, err := ParseRequestHeader(frame); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnknownAPIKeepsTheFixedPart(t *testing.T) {
	for _, key := range []int16{-1, 500, int16(kmsg.ApiVersions), int16(kmsg.Produce)} {
		frame := AppendRequestHeader(nil, RequestHeader{Key: key, Version: 99, CorrelationID: 5})
		h, _, err := ParseRequestHeader(frame)
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Key != key || unsupported.Version != 99 {
			t.Errorf("key %d: %v", key, err)
		}
		if h.Key != key || h.Version != 99 || h.CorrelationID != 5 {
			t.Errorf("key %d: fixed part read as %+v", key, h)
		}
		if peeked, ok := PeekKey(frame); !ok || peeked != key {
			t.Errorf("PeekKey gave %d, %v, want %d", peeked, ok, key)
		}
	}
}

func TestFrameLengthLimits(t *testing.T) {
	for _, c := range []struct {
		length int
		ok     bool
	}{{0, true}, {MaxFrameBytes, true}, {MaxFrameBytes + 1, false}, {-1, false}} {
		prefix := binary.BigEndian.AppendUint32(nil, uint32(c.length))
		n, err := FrameLength(prefix)
		if c.ok && (err != nil || n != c.length) {
			t.Errorf("length %d: %d, %v", c.length, n, err)
		}
		if !c.ok && (err == nil || !strings.Contains(err.Error(), strconv.Itoa(c.length))) {
			t.Errorf("length %d: %v, want an error that names it", c.length, err)
		}
	}
}

func TestHeadersAllocateNothing(t *testing.T) {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	frame := AppendRequest(nil, 1, "some client", req)[PrefixBytes:]
	dst := make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, err := ParseRequestHeader(frame); err != nil {
			t.Fatal(err)
		}
		PeekKey(frame)
		dst = AppendResponseHeader(dst[:0], 0, 9, 1)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per header, want 0", allocs)
	}
}

func TestResponseHeaders(t *testing.T) {
	for _, c := range []struct {
		key     kmsg.Key
		version int16
		bytes   int
	}{{kmsg.ApiVersions, 3, 4}, {kmsg.Produce, 8, 4}, {kmsg.Produce, 9, 5}, {kmsg.Fetch, 12, 5}} {
		if got := AppendResponseHeader(nil, int16(c.key), c.version, 1); len(got) != c.bytes {
			t.Errorf("%s v%d: header of %d bytes, want %d", c.key.Name(), c.version, len(got), c.bytes)
		}
	}
}

// serveOnce answers one connection's requests with what answer returns.
func serveOnce(t *testing.T, answer func(h RequestHeader) []byte) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			var prefix [PrefixBytes]byte
			if _, err := io.ReadFull(conn, prefix[:]); err != nil {
				return
			}
			frame := make([]byte, binary.BigEndian.Uint32(prefix[:]))
			if _, err := io.ReadFull(conn, frame); err != nil {
				return
			}
			h, _, err := ParseRequestHeader(frame)
			if err != nil {
				return
			}
			if _, err := conn.Write(answer(h)); err != nil {
				return
			}
		}
	}()
	return listener.Addr().String()
}

func framed(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

func metadataRequest() kmsg.Request {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	return req
}

func TestClientAsksAgainAndAgain(t *testing.T) {
	addr := serveOnce(t, func(h RequestHeader) []byte {
		resp := kmsg.NewPtrMetadataResponse()
		resp.SetVersion(h.Version)
		resp.ControllerID = h.CorrelationID
		return framed(resp.AppendTo(AppendResponseHeader(nil, h.Key, h.Version, h.CorrelationID)))
	})
	c, err := Dial(context.Background(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 3 {
		resp, err := c.Do(context.Background(), metadataRequest())
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.(*kmsg.MetadataResponse).ControllerID; got != int32(i+1) {
			t.Errorf("answer %d carries %d", i, got)
		}
	}
}

func TestClientRefusesWrongAnswers(t *testing.T) {
	for name, answer := range map[string]func(h RequestHeader) []byte{
		"correlation id": func(h RequestHeader) []byte {
			resp := kmsg.NewPtrMetadataResponse()
			resp.SetVersion(h.Version)
			return framed(resp.AppendTo(AppendResponseHeader(nil, h.Key, h.Version, h.CorrelationID+1)))
		},
		"frame length": func(RequestHeader) []byte { return []byte{0xff, 0, 0, 0} },
		"decode": func(h RequestHeader) []byte {
			return framed(AppendResponseHeader(nil, h.Key, h.Version, h.CorrelationID))
		},
		"response of 2 bytes": func(RequestHeader) []byte { return framed([]byte{1, 2}) },
	} {
		c, err := Dial(context.Background(), serveOnce(t, answer))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(context.Background(), metadataRequest()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Do(context.Background(), metadataRequest()); err == nil {
			t.Errorf("%s: the connection was used again", name)
		}
		c.Close()
	}
}

func TestClientStopsWaitingWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Dial(ctx, serveOnce(t, func(RequestHeader) []byte { cancel(); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(ctx, metadataRequest()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestDialNamesTheAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	if _, err := Dial(context.Background(), addr); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want an error that names %s", err, addr)
	}
}

func FuzzRequestFrame(f *testing.F) {
	for _, key := range []int16{0, 1, 3, 7, 18} {
		req := kmsg.RequestForKey(key)
		for _, version := range []int16{0, req.MaxVersion()} {
			req.SetVersion(version)
			f.Add(AppendRequest(nil, 1, "c", req))
		}
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) < PrefixBytes {
			return
		}
		n, err := FrameLength(stream)
		if err != nil || n > len(stream)-PrefixBytes {
			return
		}
		frame := stream[PrefixBytes:][:n]
		h, body, err := ParseRequestHeader(frame)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(frame, body) {
			t.Errorf("%+v: the body is not the end of the frame", h)
		}
		SplitResponse(frame, h.Key, h.Version)
	})
}

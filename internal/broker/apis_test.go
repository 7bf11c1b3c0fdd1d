package broker

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/kafka"
)

// header is a request header of the given API without a body.
func header(key, version int16) []byte {
	return kafka.AppendRequestHeader(nil, kafka.RequestHeader{Key: key, Version: version, CorrelationID: 7, ClientID: "test"})
}

func TestTableOfAPIsAgreesWithTheProtocol(t *testing.T) {
	for _, a := range servedAPIs() {
		req := a.key.Request()
		if a.max > req.MaxVersion() {
			t.Errorf("%s: serves up to %d, kmsg knows %d", a.key.Name(), a.max, req.MaxVersion())
		}
		for version := a.min; version <= a.max; version++ {
			req.SetVersion(version)
			if req.IsFlexible() != (version >= a.flexibleFrom) {
				t.Errorf("%s: version %d is flexible: %v", a.key.Name(), version, req.IsFlexible())
			}
		}
	}
}

func TestClassesNameTheAPI(t *testing.T) {
	f := newFixture(t)
	names := f.log.APIs()
	for key, want := range map[int16]string{0: "Produce", 1: "Fetch", 3: "Metadata", 18: "ApiVersions", 11: "other", -1: "other", 999: "other"} {
		if got := names[f.log.Classify(header(key, 0))]; got != want {
			t.Errorf("key %d is classed %s, want %s", key, got, want)
		}
	}
	if got := names[f.log.Classify([]byte{0})]; got != "other" {
		t.Errorf("one byte is classed %s", got)
	}
}

func TestApiVersionsListsWhatIsServed(t *testing.T) {
	f := newFixture(t)
	for version := range int16(5) {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version = version
		resp := f.ask(req).(*kmsg.ApiVersionsResponse)
		wantCode(t, "ApiVersions", resp.ErrorCode, nil)
		listed := map[int16][2]int16{}
		for _, k := range resp.ApiKeys {
			listed[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		// librdkafka compresses only if Produce 0 is named, and with lz4 only if
		// FindCoordinator 0 is.
		for key, want := range map[int16][2]int16{0: {0, 12}, 1: {4, 12}, 10: {0, 4}, 18: {0, 4}} {
			if listed[key] != want {
				t.Errorf("version %d: API %d is listed as %v, want %v", version, key, listed[key], want)
			}
		}
	}
}

func TestUnknownApiVersionsVersionIsToldTheRange(t *testing.T) {
	f := newFixture(t)
	for _, version := range []int16{5, 99, -1} {
		e := newExchange(t, header(int16(kmsg.ApiVersions), version))
		f.log.serve(e)
		req := kmsg.NewPtrApiVersionsRequest() // the answer is in version 0
		resp := f.answer(e, req).(*kmsg.ApiVersionsResponse)
		wantCode(t, "ApiVersions", resp.ErrorCode, kerr.UnsupportedVersion)
		if len(resp.ApiKeys) != 1 || resp.ApiKeys[0].ApiKey != 18 || resp.ApiKeys[0].MaxVersion != 4 {
			t.Errorf("version %d: told %+v", version, resp.ApiKeys)
		}
	}
}

func TestWhatIsNotServedClosesTheConnection(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		frame []byte
		says  []string
	}{
		"unknown API":            {header(999, 3), []string{"999", "3"}},
		"negative API":           {header(-1, 0), []string{"-1"}},
		"between brokers":        {header(int16(kmsg.LeaderAndISR), 2), []string{"4", "2"}},
		"old produce":            {header(0, 2), []string{"Produce", "2"}},
		"produce by topic id":    {header(0, 13), []string{"Produce", "13"}},
		"new fetch":              {header(1, 13), []string{"Fetch", "13"}},
		"version out of reach":   {header(3, 1000), []string{"Metadata", "1000"}},
		"no header":              {[]byte{0, 0, 0}, []string{"3 bytes"}},
		"empty":                  {nil, []string{"0 bytes"}},
		"client id beyond frame": {header(0, 9)[:10], []string{"client id"}},
	} {
		e := newExchange(t, c.frame)
		f.log.serve(e)
		if e.hungUp == nil {
			t.Errorf("%s: answered", name)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(e.hungUp.Error(), want) {
				t.Errorf("%s: the reason %q does not name %s", name, e.hungUp, want)
			}
		}
	}
}

// A tag count of four billion must not keep a handler busy.
func TestImpossibleCountsEndAtOnce(t *testing.T) {
	f := newFixture(t)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for _, a := range servedAPIs() {
		if a.key == kmsg.ApiVersions {
			continue // its body is not read
		}
		for _, lead := range []int{0, 1, 4, 6, 7, 14, 21} {
			body := append(make([]byte, lead), huge...)
			e := newExchange(t, append(header(a.key.Int16(), a.max), body...))
			f.log.serve(e)
			if !e.isDone() {
				t.Errorf("%s: not answered", a.key.Name())
			}
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, a := range servedAPIs() {
		for version := a.min; version <= a.max; version++ {
			req := a.key.Request()
			req.SetVersion(version)
			f.Add(kafka.AppendRequest(nil, 7, "fuzz", req)[kafka.PrefixBytes:])
		}
	}
	f.Add(kafka.AppendRequest(nil, 7, "fuzz", produceRequest(9, 1, "t", part{0, testBatch(f, 2, 20, 1)}))[kafka.PrefixBytes:])
	f.Add(kafka.AppendRequest(nil, 7, "fuzz", fetchRequest(12, 0, 1, "t", from{0, 0, 100}))[kafka.PrefixBytes:])
	fixture := newFixture(f)
	fixture.log.config.AutoCreateTopics = false
	fixture.create("t", 1)
	fixture.log.delayed.closed = true // long polls do not wait
	f.Fuzz(func(t *testing.T, frame []byte) {
		if key, ok := kafka.PeekKey(frame); ok && (key == int16(kmsg.CreateTopics) || key == int16(kmsg.DeleteTopics)) {
			readNewTopics(&reader{Reader: kbin.Reader{Src: frame[2:]}, version: 7, flexible: true}) // answering would fill the disk, or delete what others read
			return
		}
		e := newExchange(t, append([]byte(nil), frame...))
		fixture.log.serve(e)
		if !e.isDone() {
			t.Error("the request was neither answered nor refused")
		}
	})
}

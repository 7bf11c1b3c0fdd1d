package broker

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/kafka"
)

// filled gives each array of a request two elements, and each text a value, so that an
// answer for each can be asked for.
func filled(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.New(v.Type().Elem()))
			filled(v.Elem(), depth)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("name-%d", depth))
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range 2 {
				filled(v.Index(i), depth+1)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() && v.Type().Field(i).Name != "UnknownTags" {
				filled(v.Field(i), depth)
			}
		}
	}
}

// errorCodes are all that a response holds.
func errorCodes(v reflect.Value) (codes []int16) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			codes = errorCodes(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			codes = append(codes, errorCodes(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "ErrorCode" {
				codes = append(codes, int16(v.Field(i).Int()))
			} else {
				codes = append(codes, errorCodes(v.Field(i))...)
			}
		}
	}
	return codes
}

// firstWithCode are APIs whose response has a place for the error since a version only; below,
// it is empty.
var firstWithCode = map[kmsg.Key]int16{kmsg.DescribeLogDirs: 3, kmsg.ElectLeaders: 1}

func TestWhatKafkaServesAndThisBrokerDoesNotIsAnswered(t *testing.T) {
	f := newFixture(t)
	for key, not := range notServed {
		if f.log.classOf(key.Int16()) != 0 {
			continue // it has come to be served
		}
		versions := key.Request().MaxVersion() + 1
		switch key {
		case kmsg.OffsetCommit, kmsg.OffsetFetch:
			versions = byTopicID
		case kmsg.TxnOffsetCommit:
			versions = txnByTopicID
		}
		for version := range versions {
			req := key.Request()
			filled(reflect.ValueOf(req).Elem(), 0)
			req.SetVersion(version)
			resp := f.ask(req)
			codes := errorCodes(reflect.ValueOf(resp))
			if version >= firstWithCode[key] && len(codes) == 0 {
				t.Errorf("%s version %d: no error in %+v", key.Name(), version, resp)
			}
			bad := 0
			for _, code := range codes {
				if code == not.code {
					bad++
				}
			}
			if version >= firstWithCode[key] && bad == 0 {
				t.Errorf("%s version %d: codes %d, want %d", key.Name(), version, codes, not.code)
			}
		}
	}
}

// TestNoBodyOfAnotherAPIKeepsAHandlerBusy sends each a body that asks for impossible counts.
func TestNoBodyOfAnotherAPIKeepsAHandlerBusy(t *testing.T) {
	f := newFixture(t)
	for key := range notServed {
		for lead := range 24 {
			body := append(make([]byte, lead), 0xff, 0xff, 0xff, 0xff, 0x0f)
			e := newExchange(t, append(header(key.Int16(), key.Request().MaxVersion()), body...))
			f.log.serve(e)
			if !e.isDone() {
				t.Errorf("%s: not answered", key.Name())
			}
		}
	}
}

// TestSaslHandshakeIsAnsweredAsKafkaDoes: the bytes are those of Kafka 3.9.1 on a listener without SASL.
func TestSaslHandshakeIsAnsweredAsKafkaDoes(t *testing.T) {
	f := newFixture(t)
	frame, err := hex.DecodeString(strings.ReplaceAll("0011 0001 00000009 0001 78 0005 504c41494e", " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	e := newExchange(t, frame)
	f.log.serve(e)
	if got := hex.EncodeToString(e.buf[kafka.PrefixBytes:]); e.hungUp != nil || got != "00000009"+"0022"+"00000000" {
		t.Errorf("answered %s, %v", got, e.hungUp)
	}
}

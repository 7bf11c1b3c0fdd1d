package models

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"c10klab/internal/stage"
)

// Requests of the test service: an operation, a 4-byte tag that the answer
// repeats, and arguments.
const (
	opEcho   = 'e' // answer: the rest of the request
	opFile   = 'f' // offset, length: answer that part of the file between two markers
	opDelay  = 'd' // milliseconds: answered by another thread
	opSleep  = 's' // milliseconds: the handler blocks
	opSilent = 'n' // no answer
	opHangUp = 'h'
	opGate   = 'g' // the handler blocks until the test opens the gate
	opLater  = 'l' // answered by another thread when the test says so
	opMute   = 'm' // milliseconds: the answer mutes the connection for as long
)

const tagBytes = 5 // operation and tag

// testService answers with the tag and what the operation says.
type testService struct {
	file     *countedFile
	gate     chan struct{}
	later    chan struct{} // closed: opLater is answered
	answers  chan struct{} // gets one item when opLater was answered
	handled  atomic.Int64
	answered atomic.Pointer[func(tag uint32)] // called after a response was sent
}

func (s *testService) Classify(frame []byte) stage.Class {
	if len(frame) > 0 && frame[0] == opFile {
		return 1
	}
	return 0
}

var testAPIs = []string{"plain", "file"}

func (s *testService) APIs() []string { return testAPIs }

// Refuse answers with the tag and a word.
func (s *testService) Refuse(j *Job) {
	r := j.Response()
	r.Buf = append(append(r.Buf, j.Frame()[1:tagBytes]...), refusedAnswer...)
	j.Respond()
}

const refusedAnswer = "no room"

func (s *testService) Handle(j *Job) {
	s.handled.Add(1)
	frame := j.Frame()
	if len(frame) < tagBytes {
		j.HangUp(fmt.Errorf("request of %d bytes", len(frame)))
		return
	}
	op, tag, rest := frame[0], frame[1:tagBytes], frame[tagBytes:]
	r := j.Response()
	r.Buf = append(r.Buf, tag...)
	if answered := s.answered.Load(); answered != nil {
		number := binary.BigEndian.Uint32(tag)
		r.AfterSent(func() { (*answered)(number) })
	}
	switch op {
	case opEcho:
		r.Buf = append(r.Buf, rest...)
	case opFile:
		s.addRegion(r, rest)
	case opSleep:
		time.Sleep(milliseconds(rest))
	case opGate:
		<-s.gate
	case opMute:
		r.MuteFor(milliseconds(rest))
	case opLater:
		j.Delay()
		go func() {
			<-s.later
			j.Respond()
			s.answers <- struct{}{}
		}()
		return
	case opDelay:
		j.Delay()
		time.AfterFunc(milliseconds(rest), j.Respond)
		return
	case opSilent:
		j.RespondNothing()
		return
	case opHangUp:
		j.HangUp(fmt.Errorf("asked to"))
		return
	}
	j.Respond()
}

func (s *testService) addRegion(r *Response, arguments []byte) {
	s.file.references.Add(1)
	r.Buf = append(r.Buf, '<')
	r.AddRegion(Region{
		File:        s.file,
		OffsetBytes: int64(binary.BigEndian.Uint32(arguments)),
		LengthBytes: int64(binary.BigEndian.Uint32(arguments[4:])),
	})
	r.Buf = append(r.Buf, '>')
}

func milliseconds(argument []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(argument)) * time.Millisecond
}

// request builds a frame with its length.
func request(op byte, tag uint32, arguments ...[]byte) []byte {
	body := binary.BigEndian.AppendUint32([]byte{op}, tag)
	for _, a := range arguments {
		body = append(body, a...)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func number(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// countedFile is a file of known bytes whose references must all come back.
type countedFile struct {
	os         *os.File
	content    []byte
	references atomic.Int64
}

func (f *countedFile) Fd() int  { return int(f.os.Fd()) }
func (f *countedFile) Release() { f.references.Add(-1) }

func newCountedFile(t testing.TB, size int) *countedFile {
	t.Helper()
	return newCountedFileIn(t, regionDir(t), size)
}

func newCountedFileIn(t testing.TB, dir string, size int) *countedFile {
	t.Helper()
	f := &countedFile{content: make([]byte, size)}
	for i := range f.content {
		f.content[i] = byte(i * 7 >> 3)
	}
	path := filepath.Join(dir, "region")
	if err := os.WriteFile(path, f.content, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.os, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.os.Close() })
	return f
}

// logBook keeps what a server logs.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) log(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b *logBook) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(b.lines)
}

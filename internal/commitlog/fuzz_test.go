package commitlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"c10klab/internal/vfs"
)

func FuzzFrameHead(f *testing.F) {
	f.Add(frameHead{kindWrite, 100, 7, "t-0/00000000000000000000.log"}.appendTo(nil))
	f.Add(frameHead{kindRemove, 0, 0, ""}.appendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= frameHeadBytes { // the CRC is right, so that what lies behind it is read
			b = bytes.Clone(b)
			end := min(len(b), frameHeadBytes+int(binary.BigEndian.Uint16(b[10:])))
			binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[crcCoversFrom:end], castagnoli))
		}
		h, err := readFrameHead(b)
		if err != nil {
			return
		}
		if again := h.appendTo(nil); h.sizeBytes() != len(again) || !bytes.HasPrefix(b[12:], again[12:]) {
			t.Errorf("%x becomes %+v and %x", b, h, again)
		}
	})
}

// FuzzQueue and FuzzCommitFile open logs whose files hold arbitrary bytes: what is
// there must be readable.
func FuzzQueue(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, entries []byte) {
		b := binary.BigEndian.AppendUint32(bytes.Clone(entries), crc32.Checksum(entries, castagnoli))
		l := &Log{files: []*File{{base: 0, sizeBytes: 1000}, {base: 1000, sizeBytes: 50}}}
		v := l.newView("t-0/x.log")
		if v.takeQueue(b) != nil {
			return
		}
		at := int64(0)
		for _, e := range v.all() {
			if e.at != at || e.position < 0 || e.position+int64(e.length) > e.file.sizeBytes {
				t.Fatalf("extent %+v", e)
			}
			at += int64(e.length)
		}
	})
}

func FuzzCommitFile(f *testing.F) {
	one := frameHead{kindWrite, 3, 0, "t-0/00000000000000000000.log"}.appendTo(nil)
	f.Add(append(one, "abc"...))
	f.Add(append(append(one, "abc"...), frameHead{kindCut, 0, 1, "t-0/00000000000000000000.log"}.appendTo(nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		below := vfs.NewMem()
		if err := below.MkdirAll("/log/" + directory); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(below, commitPath("/log/"+directory, 0), b); err != nil {
			t.Fatal(err)
		}
		l, _, err := open(below, "/log", false, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range l.views {
			content := make([]byte, v.sizeBytes)
			if n, err := v.ReadAt(content, 0); err != nil || n != len(content) {
				t.Fatalf("%s: %d of %d bytes, %v", v.name, n, len(content), err)
			}
		}
	})
}

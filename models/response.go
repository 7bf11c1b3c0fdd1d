package models

import "encoding/binary"

// lengthBytes precede every frame: its length, big endian, without themselves.
const lengthBytes = 4

// Response is an answer under construction: bytes in memory with regions of
// files between them. The job's owner fills it.
type Response struct {
	// Buf collects the bytes; services append to it. Its first four bytes are the
	// frame length, which the model fills in.
	Buf       []byte
	cuts      []cut
	afterSent func()
	// mutedUntilNs is when the connection may be read again, CLOCK_MONOTONIC; 0: at
	// once.
	mutedUntilNs int64
}

// cut is a region and the place in Buf that it follows.
type cut struct {
	bufEnd int
	region Region
}

func (r *Response) reset() {
	r.Buf = append(r.Buf[:0], 0, 0, 0, 0)
	r.cuts = r.cuts[:0]
	r.afterSent = nil
	r.mutedUntilNs = 0
}

// AddRegion puts file bytes after what Buf holds so far. The response owns the
// region's reference from here on. An empty region is released at once.
func (r *Response) AddRegion(region Region) {
	if region.LengthBytes == 0 {
		region.File.Release()
		return
	}
	r.cuts = append(r.cuts, cut{bufEnd: len(r.Buf), region: region})
}

// AfterSent asks for a call once the kernel has accepted the response's last
// byte; responses of a connection are called for in request order. It runs on
// the thread that reaps the request and must not block. It does not run for a
// response that was never sent, because its connection broke.
func (r *Response) AfterSent(call func()) { r.afterSent = call }

// hasRegions reports whether the response carries file bytes.
func (r *Response) hasRegions() bool { return len(r.cuts) > 0 }

// seal writes the frame length.
func (r *Response) seal() {
	length := len(r.Buf) - lengthBytes
	for _, c := range r.cuts {
		length += int(c.region.LengthBytes)
	}
	binary.BigEndian.PutUint32(r.Buf, uint32(length))
}

// release gives back the regions from the given cut on.
func (r *Response) release(from int) {
	for i := from; i < len(r.cuts); i++ {
		r.cuts[i].region.File.Release()
	}
	clear(r.cuts)
	r.cuts = r.cuts[:0]
}

// bytesBefore returns the memory bytes that precede region i, or that end the
// response when i is the number of regions.
func (r *Response) bytesBefore(i int) []byte {
	start, end := 0, len(r.Buf)
	if i > 0 {
		start = r.cuts[i-1].bufEnd
	}
	if i < len(r.cuts) {
		end = r.cuts[i].bufEnd
	}
	return r.Buf[start:end]
}

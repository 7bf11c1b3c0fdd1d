package commitlog

import "fmt"

// Cut is what Add removed from a commit log after an unclean stop: a damaged tail, or
// a whole file that follows one.
type Cut struct {
	Path          string
	PositionBytes int64 // where the file ends from now on
	CutBytes      int64
	Reason        string
}

// scan makes the queues from all frames of the log, and cuts it at the first damaged
// one. gone are the segments that were removed and not made again.
func (l *Log) scan() (cuts []Cut, gone map[string]bool, err error) {
	for _, v := range l.views {
		v.forget()
	}
	l.views, gone = map[string]*View{}, map[string]bool{}
	if cuts, err = l.scanFiles(gone); err != nil {
		return cuts, nil, err
	}
	for name, v := range l.views {
		if v.headless {
			v.forget()
			delete(l.views, name)
			gone[name] = true
		}
	}
	return cuts, gone, nil
}

func (l *Log) scanFiles(gone map[string]bool) ([]Cut, error) {
	for i, f := range l.files {
		size, err := f.SizeBytes()
		if err != nil {
			return nil, fmt.Errorf("scanning commit log: %w", err)
		}
		f.sizeBytes, f.liveBytes = 0, 0
		damage, err := l.scanFile(f, size, gone)
		if err != nil {
			return nil, err
		}
		if damage == nil && i+1 < len(l.files) && l.files[i+1].base != f.endPosition() {
			damage = fmt.Errorf("%w: the next file begins at %d", errFrame, l.files[i+1].base)
		}
		if damage != nil {
			return l.cutAfter(i, size, damage)
		}
	}
	return nil, nil
}

// scanFile takes up a file's frames; damage is why it got no further.
func (l *Log) scanFile(f *File, fileBytes int64, gone map[string]bool) (damage, err error) {
	for f.sizeBytes < fileBytes {
		h, damage, err := f.readHead(fileBytes - f.sizeBytes)
		if damage == nil && err == nil {
			damage = l.replay(f, h, gone)
		}
		if damage != nil || err != nil {
			return damage, err
		}
	}
	return nil, nil
}

// readHead reads the head of the next frame, whose payload must be there.
func (f *File) readHead(leftBytes int64) (h frameHead, damage, err error) {
	var window [mostHeadBytes]byte
	b := window[:min(mostHeadBytes, leftBytes)]
	if n, err := f.ReadAt(b, f.sizeBytes); n < len(b) {
		return h, nil, fmt.Errorf("scanning commit log: %w", err)
	}
	h, damage = readFrameHead(b)
	if damage == nil && int64(h.sizeBytes())+int64(h.payloadBytes) > leftBytes {
		damage = fmt.Errorf("%w: %d bytes, of which %d are there", errFrame, h.sizeBytes()+h.payloadBytes, leftBytes)
	}
	return h, damage, nil
}

// replay does what a frame says; it fails where that is impossible. The beginning of a
// segment may have been in a file that was dropped since: then the segment is cut or
// removed later, or was about to be.
func (l *Log) replay(f *File, h frameHead, gone map[string]bool) (damage error) {
	v := l.views[h.name]
	if v == nil {
		v = l.newView(h.name)
		if l.files[0].base > 0 && h.kind != kindRemove && h.at > 0 {
			v.headless, v.sizeBytes = true, h.at
		}
	}
	if h.kind == kindWrite && h.at != v.sizeBytes || h.at > v.sizeBytes {
		return fmt.Errorf("%w: position %d of %s, which has %d bytes", errFrame, h.at, h.name, v.sizeBytes)
	}
	payloadAt := f.sizeBytes + int64(h.sizeBytes())
	f.sizeBytes = payloadAt + int64(h.payloadBytes)
	f.liveBytes += int64(h.payloadBytes)
	switch h.kind {
	case kindWrite:
		v.extend(extent{f, payloadAt, h.at, h.payloadBytes}, f.endPosition())
	case kindCut:
		v.cut(h.at, f.endPosition())
		v.headless = v.headless && h.at > 0
	case kindRemove:
		v.forget()
		delete(l.views, h.name)
		gone[h.name] = true
		return nil
	}
	l.views[h.name] = v
	delete(gone, h.name)
	return nil
}

// cutAfter ends the log where the file with that index is whole.
func (l *Log) cutAfter(i int, fileBytes int64, damage error) ([]Cut, error) {
	last := l.files[i]
	if err := last.Truncate(last.sizeBytes); err != nil {
		return nil, fmt.Errorf("cutting commit log: %w", err)
	}
	cuts := []Cut{{last.Name(), last.sizeBytes, fileBytes - last.sizeBytes, damage.Error()}}
	for _, f := range l.files[i+1:] {
		size, err := f.SizeBytes()
		if err == nil {
			err = l.fs.Remove(f.Name())
		}
		if err != nil {
			return cuts, fmt.Errorf("cutting commit log: %w", err)
		}
		f.Release()
		cuts = append(cuts, Cut{f.Name(), 0, size, "follows damage"})
	}
	l.files = l.files[:i+1]
	return cuts, nil
}

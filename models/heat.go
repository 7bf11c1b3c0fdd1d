package models

import "time"

const (
	// trustAfterNs is how long a file must have been hot without a gap until cachestat
	// alone is believed: longer than any read of a disk that works takes.
	trustAfterNs = int64(time.Second)
	// mostHeats bounds how many files are remembered.
	mostHeats = 256
)

// heat is what one network thread lately found of one file in the page cache.
type heat struct {
	hotSinceNs int64 // since when every verdict was hot; 0: the last one was cold
	lastNs     int64 // when the last one was
}

// trusted reports whether the file was hot for so long that none of its pages can
// still be on their way from the disk.
func (h *heat) trusted(nowNs int64) bool {
	return h.hotSinceNs != 0 && nowNs-h.hotSinceNs > trustAfterNs && nowNs-h.lastNs < trustAfterNs
}

// note takes a verdict. One after a pause begins a new hot time, for meanwhile the
// pages may have gone and others may have begun to read them.
func (h *heat) note(hot bool, nowNs int64) {
	switch {
	case !hot:
		h.hotSinceNs = 0
	case h.hotSinceNs == 0 || nowNs-h.lastNs >= trustAfterNs:
		h.hotSinceNs = nowNs
	}
	h.lastNs = nowNs
}

// heats remembers files, by identity. It keeps closed ones from being collected until
// it forgets them.
type heats map[File]*heat

func (h *heats) of(file File, nowNs int64) *heat {
	if one := (*h)[file]; one != nil {
		return one
	}
	if *h == nil {
		*h = heats{}
	}
	if len(*h) >= mostHeats {
		h.forget(nowNs)
	}
	one := new(heat)
	(*h)[file] = one
	return one
}

// forget drops what trust can no longer rest on; if that is nothing, everything.
func (h *heats) forget(nowNs int64) {
	for file, one := range *h {
		if nowNs-one.lastNs >= trustAfterNs {
			delete(*h, file)
		}
	}
	if len(*h) >= mostHeats {
		clear(*h)
	}
}

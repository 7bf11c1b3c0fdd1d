package kafka

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// APIs whose headers are exceptions.
const (
	keyApiVersions        = int16(kmsg.ApiVersions)
	keyControlledShutdown = int16(kmsg.ControlledShutdown)
)

// versionRange is what is known of one API.
type versionRange struct {
	max           int16 // −1: there is no such API
	firstFlexible int16
}

// knownVersions is indexed by API key, so that a header costs no allocation.
var knownVersions = readVersions()

func readVersions() []versionRange {
	ranges := make([]versionRange, kmsg.MaxKey+1)
	for key := range ranges {
		req := kmsg.RequestForKey(int16(key))
		if req == nil {
			ranges[key].max = -1
			continue
		}
		ranges[key] = versionRange{max: req.MaxVersion(), firstFlexible: firstFlexible(req)}
	}
	return ranges
}

func firstFlexible(req kmsg.Request) int16 {
	for version := range req.MaxVersion() + 1 {
		req.SetVersion(version)
		if req.IsFlexible() {
			return version
		}
	}
	return math.MaxInt16
}

func known(key, version int16) bool {
	return key >= 0 && int(key) < len(knownVersions) && version >= 0 && version <= knownVersions[key].max
}

// flexible reports whether a known version of an API has tags.
func flexible(key, version int16) bool {
	return known(key, version) && version >= knownVersions[key].firstFlexible
}

// UnsupportedError is a request of an API or version that has no known layout.
type UnsupportedError struct{ Key, Version int16 }

func (e *UnsupportedError) Error() string {
	if name := kmsg.NameForKey(e.Key); name != "Unknown" {
		return fmt.Sprintf("version %d of %s (API key %d) is unknown", e.Version, name, e.Key)
	}
	return fmt.Sprintf("API key %d (version %d) is unknown", e.Key, e.Version)
}

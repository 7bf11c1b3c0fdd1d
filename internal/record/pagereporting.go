package record

import (
	"os"
	"strconv"
	"strings"
)

// PageReporting is whether the kernel reports free memory to the host, which takes it
// back (free page reporting of virtual machines): whoever is given such a page next pays
// for its return, several times what other pages cost.
type PageReporting struct {
	State string `json:"state,omitempty"` // "on" or "off"; empty: not recorded
	// Order: free blocks of 2^Order pages, and larger ones, are reported; smaller ones stay.
	Order int `json:"order,omitempty" since:"level"`
	// MinFreeMs is how long a block has been free when it is reported; −1: the kernel does
	// not tell (2 s in Linux's own).
	MinFreeMs int `json:"min_free_ms,omitempty" since:"level"`
	// ReportedKiB is cumulative; always 0 of a kernel that does not count.
	ReportedKiB int64 `json:"reported_kib,omitempty"`
}

// pageReportingDir has the kernel's parameters of it.
const pageReportingDir = "/sys/module/page_reporting/parameters"

// On reports whether memory that stays free goes back to the host.
func (p PageReporting) On() bool { return p.State == "on" }

// BlockBytes is the smallest free block that is reported.
func (p PageReporting) BlockBytes() int64 { return int64(os.Getpagesize()) << p.Order }

func ReadPageReporting() PageReporting { return readPageReporting(pageReportingDir) }

func readPageReporting(dir string) PageReporting {
	read := func(name string) (int64, error) {
		text, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	// Without a device that takes reports the order is −1, in some kernels as an unsigned number.
	const largestOrder = 20
	order, err := read("page_reporting_order")
	if err != nil || order < 0 || order > largestOrder {
		return PageReporting{State: "off"}
	}
	p := PageReporting{State: "on", Order: int(order), MinFreeMs: -1}
	if ms, err := read("min_free_ms"); err == nil {
		p.MinFreeMs = int(ms)
	}
	p.ReportedKiB, _ = read("reported_kib")
	return p
}

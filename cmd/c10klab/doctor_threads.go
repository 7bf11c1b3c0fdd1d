package main

import (
	"fmt"
	"strings"

	"c10klab/internal/osthread"
)

// wantThreads gives each of ten thousand connections one, with others besides.
const wantThreads = 10_100

func machineThreads() capability {
	return threads("threads of the machine", func(limit string) bool {
		return limit != osthread.UserLimit && !strings.HasPrefix(limit, osthread.GroupLimit)
	})
}

func userThreads() capability {
	return threads("threads of the user", func(limit string) bool { return limit == osthread.UserLimit })
}

func groupThreads() capability {
	return threads("threads of the control group", func(limit string) bool { return strings.HasPrefix(limit, osthread.GroupLimit) })
}

// threads is the capability that some of this system's limits on threads leave room.
func threads(name string, belongs func(limit string) bool) capability {
	all, err := osthread.ThreadLimits()
	if err != nil {
		return capability{Name: name, Found: err.Error(), Get: "mount /proc", Lost: threadsLost}
	}
	var limits []osthread.Limit
	for _, l := range all {
		if belongs(l.Name) {
			limits = append(limits, l)
		}
	}
	return threadRoom(name, limits)
}

const threadsLost = "thread-per-connection with 10 000 connections"

// threadRoom judges limits as those do who start threads.
func threadRoom(name string, limits []osthread.Limit) capability {
	if len(limits) == 0 {
		return capability{Name: name, There: true, Found: "no limit"}
	}
	tightest := osthread.Tightest(limits)
	c := capability{Name: name, There: tightest.Left() >= wantThreads, Get: tightest.Cure(wantThreads), Lost: threadsLost}
	var found []string
	for _, l := range limits {
		text := fmt.Sprintf("%s %d", l.Name, l.Value)
		if l.Waived {
			text += " (does not bind root)"
		}
		found = append(found, text)
	}
	c.Found = strings.Join(found, ", ")
	if !c.There {
		c.Found += fmt.Sprintf(": room for %d more", tightest.Left())
	}
	return c
}

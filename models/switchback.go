package models

import (
	"fmt"
	"slices"
	"strings"

	"c10klab/internal/knob"
)

// policies are what a server may change from one response, or request, to the next. Threads
// read them anew each time, so nothing is left of the old ones but what is under way.
type policies struct {
	send   *Send
	onFull string
}

// arms are the configurations that a server switches between; none without knob switchback.
func (c Config) arms() (s knob.Switchback, arms []Config, err error) {
	s, err = knob.ParseSwitchback(c.Switchback)
	for _, value := range s.Values {
		arm := c
		switch s.Knob {
		case "send":
			arm.Send = value
		case "on-full":
			if arm.OnFull = value; !changesOnFull(c.OnFull) || !changesOnFull(value) {
				return s, nil, fmt.Errorf("knob %s: a server can switch between on-full=%s and %s alone, the others change which threads there are or what is answered", knob.SwitchbackName, OnFullBlock, OnFullPause)
			}
		default:
			return s, nil, fmt.Errorf("knob %s: %q is none of send, on-full, which are what a server can change while it runs", knob.SwitchbackName, s.Knob)
		}
		arms = append(arms, arm)
	}
	return s, arms, err
}

func changesOnFull(policy string) bool { return policy == OnFullBlock || policy == OnFullPause }

// checkArms checks each arm and returns the send strategy whose threads all of them do with.
func checkArms(c Config) (widest Send, err error) {
	switchback, arms, err := c.arms()
	for _, arm := range arms {
		_, s, err := checkOne(arm)
		switch {
		case err != nil:
			return Send{}, err
		case !s.switches && switchback.Knob == "send":
			return Send{}, &RefusedError{c.Model, knob.SwitchbackName + "=" + c.Switchback, "a server cannot switch to send=" + arm.Send + " or from it"}
		case widest.Name == "" || s.probes || s.offload != nil && !widest.probes:
			widest = s
		}
	}
	return widest, err
}

// Arms are what the server switches between, the first one in use at its start.
func (s *Server) Arms() knob.Switchback { return s.env.arms }

// Switch puts the arm of that value in use for every response, and request, from now on.
// Any thread may call it.
func (s *Server) Switch(value string) error {
	_, arms, err := s.env.config.arms()
	if err != nil {
		return err
	}
	i := slices.Index(s.env.arms.Values, value)
	if i < 0 {
		return fmt.Errorf("%s=%s is no arm of the server's; there are %s", s.env.arms.Knob, value, strings.Join(s.env.arms.Values, ", "))
	}
	return s.env.use(arms[i])
}

// use puts a configuration's policies in use.
func (e *env) use(c Config) error {
	send, err := find("send strategy", c.Send, sends, SendNames())
	if err == nil {
		e.inUse.Store(&policies{send: &send, onFull: c.OnFull})
	}
	return err
}

// useFirst puts in use what the server begins with.
func (e *env) useFirst() error {
	first := e.config
	s, arms, err := e.config.arms()
	if err != nil {
		return err
	}
	if e.arms = s; len(arms) > 0 {
		first = arms[0]
	}
	return e.use(first)
}

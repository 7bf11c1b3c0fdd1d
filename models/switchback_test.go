package models

import (
	"errors"
	"strings"
	"testing"
)

// sendsBy counts the send calls of the threads whose names begin so.
func sendsBy(s *Server, prefix string) (calls int64) {
	for _, t := range s.ThreadIO() {
		if strings.HasPrefix(t.Name, prefix) {
			calls += t.SendCalls
		}
	}
	return calls
}

// TestSwitchedServersAnswerAsTheArmInUse: whatever the order of arms, the answers are right and
// their file bytes are moved by the threads of the arm that is in use.
func TestSwitchedServersAnswerAsTheArmInUse(t *testing.T) {
	for _, arms := range []string{"inline,pool", "pool,inline", "inline,resident", "resident,pool,inline", "inline,inline"} {
		for _, onFull := range []string{OnFullBlock, OnFullSplit} {
			t.Run(arms+"/"+onFull, func(t *testing.T) {
				config := defaultConfig(t, "switchback=send="+arms, "on-full="+onFull, "loops=1", "send-threads=2")
				needResidency(t, config)
				b := startBench(t, config)
				c := b.dial()
				for round := range 3 {
					for _, arm := range b.server.Arms().Values {
						if err := b.server.Switch(arm); err != nil {
							t.Fatal(err)
						}
						before := sendsBy(b.server, sendThreads)
						for id := range uint32(5) {
							c.send(request(opFile, id, number(round), number(testFileBytes-round)))
							c.expect(id, b.fileAnswer(round, testFileBytes-round))
						}
						// Counters are published after the answer, so those of a turn before may come late.
						if by := sendsBy(b.server, sendThreads) - before; arm == "pool" && by == 0 {
							t.Errorf("round %d: no send thread moved bytes under pool", round)
						}
					}
				}
				if by := sendsBy(b.server, sendThreads); !strings.Contains(arms, "pool") && by > 0 {
					t.Errorf("send threads made %d calls under %s, whose file is hot", by, arms)
				}
			})
		}
	}
}

// TestSwitchesUnderLoadLoseNothing switches while requests are under way, the queue of one full.
func TestSwitchesUnderLoadLoseNothing(t *testing.T) {
	for _, arms := range []string{"send=inline,pool", "on-full=block,pause"} {
		t.Run(arms, func(t *testing.T) {
			b := startBench(t, defaultConfig(t, "switchback="+arms, "max-in-flight=8", "request-queue=1", "handlers=2", "sends-per-turn=1", "send-cap=30000"))
			values, done, ended := b.server.Arms().Values, make(chan struct{}), make(chan error)
			go func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						ended <- nil
						return
					default:
						if err := b.server.Switch(values[i%2]); err != nil {
							ended <- err
							return
						}
					}
				}
			}()
			testInFlight(t, b)
			testStuckReader(t, b)
			close(done)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestArmsThatCannotBeSwitchedAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"inline,pool":         "KNOB=VALUE,VALUE",
		"send=pool":           "KNOB=VALUE,VALUE",
		"loops=1,2":           "none of send, on-full",
		"send=inline,copy":    "cannot switch to send=copy",
		"send=copy,copy":      "cannot switch to send=copy",
		"send=inline,nothing": "nothing",
		"on-full=block,split": "block and pause alone",
	} {
		if err := Check(defaultConfig(t, "switchback="+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
	var refused *RefusedError
	if err := Check(defaultConfig(t, "model=thread-per-connection", "switchback=send=inline,pool")); !errors.As(err, &refused) {
		t.Errorf("a connection's own thread has nothing to switch to: %v", err)
	}
	b := startBench(t, defaultConfig(t, "switchback=send=inline,pool"))
	if err := b.server.Switch("resident"); err == nil {
		t.Error("a server switched to what is none of its arms")
	}
}

package knob

import (
	"strings"
	"testing"
	"time"
)

func table() *Table {
	return NewTable([]Knob{
		{Name: "loops", Kind: Int, Unit: "threads", Default: "3", Min: 1, Max: 64},
		{Name: "poll-timeout", Kind: Duration, Default: "300ms"},
		{Name: "send-cap", Kind: Bytes, Default: "2MiB"},
		{Name: "on-full", Kind: Choice, Choices: []string{"block", "pause"}, Default: "block"},
		{Name: "rate", Kind: Float, Default: "1.5"},
		{Name: "stages", Kind: Bool, Default: "true"},
	})
}

func TestBadValuesNameKnobAndValue(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"loops", "0", "below its least value 1"},
		{"loops", "65", "above its greatest value 64"},
		{"loops", "three", `"three" is not a whole number`},
		{"loops", "-1", "below"},
		{"poll-timeout", "300", "is not a duration"},
		{"poll-timeout", "-1s", "below"},
		{"send-cap", "2 MB", "is not a size"},
		{"send-cap", "9999999999GiB", "is not a size"},
		{"on-full", "blok", "did you mean block?"},
		{"rate", "NaN", "is not a number"},
		{"stages", "maybe", "true or false"},
		{"lops", "1", "did you mean loops?"},
	}
	for _, c := range cases {
		err := table().Defaults().Set(c.name, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("Set(%s, %s) = %v, want an error that names the knob and says %q", c.name, c.text, err, c.want)
		}
	}
}

func TestTypedGettersReadWhatWasSet(t *testing.T) {
	v := table().Defaults()
	for name, text := range map[string]string{"loops": "5", "send-cap": "64KiB", "on-full": "pause"} {
		if err := v.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if v.Int("loops") != 5 || v.Bytes("send-cap") != 65536 || v.Text("on-full") != "pause" ||
		v.Duration("poll-timeout") != 300*time.Millisecond || v.Float("rate") != 1.5 || !v.Bool("stages") {
		t.Errorf("values = %v", v.Map())
	}
}

func TestFillSetsTheTaggedFields(t *testing.T) {
	v := table().Defaults()
	for name, text := range map[string]string{"loops": "5", "send-cap": "64KiB", "on-full": "pause"} {
		if err := v.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	type config struct {
		Loops    int           `knob:"loops"`
		Timeout  time.Duration `knob:"poll-timeout"`
		CapBytes int64         `knob:"send-cap"`
		OnFull   string        `knob:"on-full"`
		Pauses   bool          `knob:"on-full=pause"`
		Blocks   bool          `knob:"on-full=block"`
		Rate     float64       `knob:"rate"`
		Stages   bool          `knob:"stages"`
		other    int
	}
	got := config{other: 7}
	v.Fill(&got)
	if want := (config{5, 300 * time.Millisecond, 65536, "pause", true, false, 1.5, true, 7}); got != want {
		t.Errorf("filled %+v, want %+v", got, want)
	}
}

func TestDuplicateNamePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two knobs of one name were accepted")
		}
	}()
	NewTable([]Knob{{Name: "a", Default: "1"}}, []Knob{{Name: "a", Default: "2"}})
}

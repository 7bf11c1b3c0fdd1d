package knob

import (
	"fmt"
	"slices"
	"strings"
)

// SwitchbackName is the knob whose text is a Switchback.
const SwitchbackName = "switchback"

// Switchback is a knob whose values, the arms, one process takes in turns. The same value
// twice compares it with itself.
type Switchback struct {
	Knob   string   `json:"knob"` // empty: none
	Values []string `json:"values"`
}

// ParseSwitchback reads KNOB=VALUE,VALUE…; an empty text is none.
func ParseSwitchback(text string) (s Switchback, err error) {
	if text == "" {
		return s, nil
	}
	name, values, found := strings.Cut(text, "=")
	s = Switchback{name, strings.Split(values, ",")}
	if !found || name == "" || len(s.Values) < 2 || slices.Contains(s.Values, "") {
		return Switchback{}, fmt.Errorf("knob %s: %q is not KNOB=VALUE,VALUE", SwitchbackName, text)
	}
	return s, nil
}

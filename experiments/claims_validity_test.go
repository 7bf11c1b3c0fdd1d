package experiments

import (
	"slices"
	"testing"
)

// Each claim that a stored run decides is threatened by more than what threatens all, and a
// register that forgets what is not claimed, or a threat that names no claim, is refused.
func TestThreatsNameClaims(t *testing.T) {
	threats, err := Threats()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"N1", "N2", "N3", "N10", "N11", "N15", "N22", "N23", "K8", "M3", "M8"} {
		if !slices.ContainsFunc(threats, func(x Threat) bool { return slices.Contains(x.Claims, id) }) {
			t.Errorf("no threat names %s, which runs decide", id)
		}
	}
	sound := Claim{ID: "A1", NotClaimed: "more", Parts: []Part{{Name: "a"}}}
	silent, twice := sound, sound
	silent.NotClaimed, twice.Parts = "", []Part{{Name: "a"}, {Name: "a"}}
	for name, r := range map[string]register{
		"nothing is not claimed": {Claims: []Claim{silent}}, "a part twice": {Claims: []Claim{twice}},
		"a threat to nobody": {Claims: []Claim{sound}, Threats: []Threat{{Name: "x", Claims: []string{"A2"}}}},
	} {
		if r.check() == nil {
			t.Errorf("%s: the register is taken", name)
		}
	}
	if err := (register{[]Claim{sound}, []Threat{{Name: "x", Claims: []string{"A1", "*"}}}}).check(); err != nil {
		t.Error(err)
	}
}

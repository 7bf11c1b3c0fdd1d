package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"c10klab/internal/record"
	"c10klab/internal/sample"
)

// ruleKeeper is a Sampler that only remembers the rules it was given.
type ruleKeeper struct {
	rules []sample.Rule
	err   error
}

func (k *ruleKeeper) Start(rule sample.Rule) error {
	k.rules = append(k.rules, rule)
	return k.err
}

func (k *ruleKeeper) Samples() record.Samples { return record.Samples{} }

// postRule gives the admin port a body and returns its answer.
func postRule(sampler Sampler, body string) *httptest.ResponseRecorder {
	none := func(*record.ServerSnapshot) {}
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, record.SamplePath, strings.NewReader(body))
	Port{Mark: none, Snapshot: none, Sampler: sampler}.Handler().ServeHTTP(answer, request)
	return answer
}

const goodRule = `{"seed":18446744073709551615,"share":0.25,"keep":100}`

func TestRulesThatCannotBeReadOrFollowedAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"nothing":            {"", "read the rule"},
		"no JSON":            {"share=1", "read the rule"},
		"cut short":          {goodRule[:20], "read the rule"},
		"a list":             {"[" + goodRule + "]", "read the rule"},
		"two rules":          {goodRule + goodRule, "something follows"},
		"text behind it":     {goodRule + " and more", "something follows"},
		"unknown name":       {`{"sead":1,"share":0.25,"keep":100}`, `"sead"`},
		"negative seed":      {`{"seed":-1,"share":0.25,"keep":100}`, "read the rule"},
		"endless share":      {`{"share":1e999,"keep":100}`, "read the rule"},
		"no share":           {`{"keep":100}`, "a share of 0"},
		"share above all":    {`{"share":1.5,"keep":100}`, "a share of 1.5"},
		"nothing to keep":    {`{"share":1,"keep":0}`, "0 samples"},
		"more than is kept":  {`{"share":1,"keep":1048577}`, "1048577 samples"},
		"null":               {"null", "a share of 0"},
		"longer than a rule": {goodRule + strings.Repeat(" ", longestRule), "something follows"},
	} {
		k := &ruleKeeper{}
		answer := postRule(k, c.body)
		if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), c.want) || len(k.rules) != 0 {
			t.Errorf("%s: %d %q, %d rules started; want %q", name, answer.Code, answer.Body, len(k.rules), c.want)
		}
	}
}

func TestRuleOfASamplerWithoutStampsIsAConflict(t *testing.T) {
	answer := postRule(StageSampler{}, goodRule)
	if answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), ErrStagesOff.Error()) {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}

// FuzzSampleRule gives the admin port any body: it starts exactly the rule that the body
// is, if one can follow it, or refuses with a reason and starts none.
func FuzzSampleRule(f *testing.F) {
	for _, body := range []string{"", goodRule, "null", "{}", goodRule + goodRule, `{"SHARE":1,"Keep":1}`, `{"share":1e-320,"keep":1}`, `{"share":1,"share":2,"keep":1}`, "\xff"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		k := &ruleKeeper{}
		answer := postRule(k, body)
		var want sample.Rule
		followed := len(body) <= longestRule && json.Unmarshal([]byte(body), &want) == nil && want.Check() == nil
		switch {
		case answer.Code == http.StatusOK:
			if !followed || len(k.rules) != 1 || k.rules[0] != want {
				t.Errorf("%q started %+v, want %+v", body, k.rules, want)
			}
		case answer.Code != http.StatusBadRequest || len(k.rules) != 0 || strings.TrimSpace(answer.Body.String()) == "":
			t.Errorf("%q: %d %q, %d rules started", body, answer.Code, answer.Body, len(k.rules))
		case followed && !hasUnknownName(body):
			t.Errorf("%q is refused: %s", body, answer.Body)
		}
	})
}

// hasUnknownName reports whether a JSON object has a name that no rule has.
func hasUnknownName(body string) bool {
	var names map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &names) != nil {
		return false
	}
	for name := range names {
		if !strings.EqualFold(name, "seed") && !strings.EqualFold(name, "share") && !strings.EqualFold(name, "keep") {
			return true
		}
	}
	return false
}

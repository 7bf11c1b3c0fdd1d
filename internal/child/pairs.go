package child

import (
	"errors"
	"testing"

	"c10klab/internal/knob"
	"c10klab/internal/need"
	"c10klab/models"
)

// OnEveryPair runs a test for each model × send strategy that is not refused.
func OnEveryPair(t *testing.T, test func(t *testing.T, model, send string)) {
	for _, model := range models.Names() {
		for _, send := range models.SendNames() {
			if Refusal(t, model, send) == nil {
				t.Run(model+"/"+send, func(t *testing.T) {
					NeedDirsFor(t, model, send)
					test(t, model, send)
				})
			}
		}
	}
}

// Refusal says why a pair is refused; nil: it is not.
func Refusal(t *testing.T, model, send string) *models.RefusedError {
	t.Helper()
	var refused *models.RefusedError
	if err := models.Check(PairConfig(t, model, send)); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return refused
}

// PairConfig is the configuration of a pair, defaults beside it.
func PairConfig(t *testing.T, model, send string) models.Config {
	t.Helper()
	values := knob.NewTable(models.Knobs).Defaults()
	if err := errors.Join(values.Set("model", model), values.Set("send", send)); err != nil {
		t.Fatal(err)
	}
	config, err := models.ConfigFrom(values, false)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// NeedDirsFor ends a test whose temporary directory the strategy cannot use.
func NeedDirsFor(t *testing.T, model, send string) {
	t.Helper()
	if err := models.CheckDirs(PairConfig(t, model, send), []string{t.TempDir()}); err != nil {
		need.Lacking(t, err.Error())
	}
}

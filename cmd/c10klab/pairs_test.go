package main

import (
	"errors"
	"testing"

	"c10klab/internal/need"
	"c10klab/models"
)

// onEveryPair runs a test for each model × send strategy that is not refused.
func onEveryPair(t *testing.T, test func(t *testing.T, model, send string)) {
	for _, model := range models.Names() {
		for _, send := range models.SendNames() {
			if refusal(t, model, send) == nil {
				t.Run(model+"/"+send, func(t *testing.T) {
					needDirsFor(t, model, send)
					test(t, model, send)
				})
			}
		}
	}
}

// refusal says why a pair is refused; nil: it is not.
func refusal(t *testing.T, model, send string) *models.RefusedError {
	t.Helper()
	var refused *models.RefusedError
	if err := models.Check(pairConfig(t, model, send)); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return refused
}

func pairConfig(t *testing.T, model, send string) models.Config {
	t.Helper()
	values := serverKnobs.Defaults()
	if err := errors.Join(values.Set("model", model), values.Set("send", send)); err != nil {
		t.Fatal(err)
	}
	config, err := models.ConfigFrom(values, false)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// needDirsFor ends a test whose temporary directory the strategy cannot use.
func needDirsFor(t *testing.T, model, send string) {
	t.Helper()
	if err := models.CheckDirs(pairConfig(t, model, send), []string{t.TempDir()}); err != nil {
		need.Lacking(t, err.Error())
	}
}

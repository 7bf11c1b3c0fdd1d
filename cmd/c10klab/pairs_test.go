package main

import (
	"errors"
	"testing"

	"c10klab/models"
)

// onEveryPair runs a test for each model × send strategy that is not refused.
func onEveryPair(t *testing.T, test func(t *testing.T, model, send string)) {
	for _, model := range models.Names() {
		for _, send := range models.SendNames() {
			if refusal(t, model, send) == nil {
				t.Run(model+"/"+send, func(t *testing.T) { test(t, model, send) })
			}
		}
	}
}

// refusal says why a pair is refused; nil: it is not.
func refusal(t *testing.T, model, send string) *models.RefusedError {
	t.Helper()
	values := serverKnobs.Defaults()
	if err := errors.Join(values.Set("model", model), values.Set("send", send)); err != nil {
		t.Fatal(err)
	}
	config, err := models.ConfigFrom(values, false)
	if err != nil {
		t.Fatal(err)
	}
	var refused *models.RefusedError
	if err := models.Check(config); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return refused
}

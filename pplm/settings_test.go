package pplm_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
)

func TestSettingsCheck(t *testing.T) {
	require.NoError(t, pplm.Default().Check())
	for _, tt := range []struct {
		change func(*pplm.Settings)
		want   string
	}{
		{func(s *pplm.Settings) { s.StepSize = -1 }, "the step size is -1: want 0 or more"},
		{func(s *pplm.Settings) { s.StepSize = math.NaN() }, "the step size is NaN: want 0 or more"},
		{func(s *pplm.Settings) { s.Iterations = -3 }, "the number of iterations is -3: want 0 or more"},
		{func(s *pplm.Settings) { s.Gamma = math.Inf(1) }, "the gamma is +Inf: want 0 or more"},
		{func(s *pplm.Settings) { s.KLScale = -0.1 }, "the KL scale is -0.1: want 0 or more"},
		{func(s *pplm.Settings) { s.Window = -1 }, "the window length is -1: want 0 or more"},
		{func(s *pplm.Settings) { s.GradLength = -1 }, "the grad length is -1: want 0 or more"},
		{func(s *pplm.Settings) { s.TopK = -1 }, "the top_k is -1: want 0 or more"},
		{func(s *pplm.Settings) { s.GMScale = 1.1 }, "the geometric mean's scale is 1.1: want 0 to 1"},
		{func(s *pplm.Settings) { s.TopP = 1.1 }, "top_p is 1.1: want 0 to 1"},
		{func(s *pplm.Settings) { s.Temperature = 0 }, "the temperature is 0: want more than 0"},
		{func(s *pplm.Settings) { s.Repetition = math.NaN() }, "the repetition penalty is NaN: want more than 0"},
		{func(s *pplm.Settings) { s.Decay = true }, "decay over a window of length 0: it needs a window"},
		{func(s *pplm.Settings) { s.Norm = 9 }, "norm 9: there are 0 to 2"},
	} {
		s := pplm.Default()
		tt.change(&s)
		assert.EqualError(t, s.Check(), tt.want)
	}
}

func TestPresets(t *testing.T) {
	for _, p := range pplm.Presets() {
		require.NoError(t, p.Settings.Check(), p.Name)
		found, err := pplm.FindPreset(p.Name)
		require.NoError(t, err)
		assert.Equal(t, p, found)
	}
	for name, want := range map[string]string{ // step, iterations, gamma, gm_scale, kl_scale, window, newest; samples, distinct
		"paper-bow":      "0.01 3 1.5 0.9 0.01 5 true; 10 0.85",
		"paper-religion": "0.01 3 1.5 0.8 0.01 5 true; 10 0.85",
		"paper-discrim":  "0.03 10 1 0.95 0.01 0 false; 10 0.9",
		"paper-detox":    "0.02 10 1 0.9 0.01 0 false; 1 0",
		"code-bow":       "0.03 3 1.5 0.99 0.01 5 false; 10 0.9",
		"code-discrim":   "0.04 10 1 0.95 0.01 0 false; 10 0.9",
		"books":          "0.06 3 1.5 0.95 0.01 0 false; 10 0.8",
	} {
		p, err := pplm.FindPreset(name)
		require.NoError(t, err)
		s := p.Settings
		assert.Equal(t, want, fmt.Sprint(s.StepSize, s.Iterations, s.Gamma, s.GMScale, s.KLScale, s.Window, " ", s.Newest, "; ", p.Samples, p.Distinct), name)
	}
	_, err := pplm.FindPreset("paper")
	assert.EqualError(t, err, `no settings named "paper": there are paper-bow, paper-religion, paper-discrim, paper-detox, code-bow, code-discrim, books`)
}

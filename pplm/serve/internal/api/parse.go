package api

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// The lengths of texts where a request names none: OpenAI's, and one for chats,
// which have none there.
const (
	defaultTokens     = 16
	defaultChatTokens = 128
)

// The bounds of a request's numbers.
const (
	mostSamples    = 16
	mostIterations = 100
	mostStops      = 16
	mostStopBytes  = 256

	// mostPrompt is the longest prompt in tokens for models that read any length.
	mostPrompt = 8192
)

// asked is a request that can be worked on.
type asked struct {
	request *engine.Request
	prompt  int // its tokens
	details bool
	stream  bool
	usage   bool // in a stream
}

// completion reads what a CompletionRequest asks for.
func (a *API) completion(c *CompletionRequest) (*asked, error) {
	if len(c.Prompt) != 1 {
		return nil, wrong("prompt", "prompt: want one text, not %d", len(c.Prompt))
	}
	return a.ask(&c.Sampling, c.Prompt[0], defaultTokens, "prompt")
}

// chat reads what a ChatRequest asks for: the messages' texts, a line each, are the
// prompt, as the models here know no roles.
func (a *API) chat(c *ChatRequest) (*asked, error) {
	if len(c.Messages) == 0 {
		return nil, wrong("messages", "messages: want one or more")
	}
	var lines []string
	for i, m := range c.Messages {
		switch m.Role {
		case "system", "developer", "user", "assistant":
		default:
			return nil, wrong("messages", "messages[%d].role is %.40q: want system, user or assistant", i, m.Role)
		}
		lines = append(lines, string(m.Content))
	}
	if c.MaxTokens == nil {
		c.MaxTokens = c.MaxCompletionTokens
	}
	return a.ask(&c.Sampling, strings.Join(lines, "\n"), defaultChatTokens, "messages")
}

// ask reads the rest. param is the field that the prompt is from.
func (a *API) ask(s *Sampling, prompt string, length int, param string) (*asked, error) {
	r := &engine.Request{Length: length, Samples: 1, Stop: s.Stop, Settings: a.Preset.Settings}
	out := &asked{request: r, stream: s.Stream, details: s.Details}
	if o := s.StreamOptions; o != nil {
		out.usage = o.IncludeUsage
	}
	if err := a.steer(r, s.Steer); err != nil {
		return nil, err
	}
	if s.Steer != nil {
		out.details = out.details || s.Steer.Details
	}
	if err := a.sampling(r, s); err != nil {
		return nil, err
	}
	if err := checkStops(s.Stop); err != nil {
		return nil, err
	}
	if err := a.encode(r, prompt, param, s.MaxTokens != nil); err != nil {
		return nil, err
	}
	out.prompt = len(r.Prompt)
	return out, nil
}

// sampling reads how many tokens there are and how they are drawn.
func (a *API) sampling(r *engine.Request, s *Sampling) error {
	how := &r.Settings
	how.Sample = true
	integers := []struct {
		name        string
		from        *int
		to          *int
		least, most int
	}{
		{"max_tokens", s.MaxTokens, &r.Length, 1, a.MaxTokens},
		{"n", s.N, &r.Samples, 1, min(mostSamples, a.Limits.Texts)},
		{"top_k", s.TopK, &how.TopK, 0, a.Model.Info().Vocabulary},
	}
	for _, x := range integers {
		if err := whole(x.name, x.from, x.to, x.least, x.most); err != nil {
			return err
		}
	}
	for _, x := range []number{
		{"temperature", s.Temperature, &how.Temperature, 0, 100},
		{"top_p", s.TopP, &how.TopP, 0, 1},
		{"repetition_penalty", s.RepetitionPenalty, &how.Repetition, 0.01, 100},
	} {
		if err := x.read(); err != nil {
			return err
		}
	}
	if s.TopP != nil {
		how.TopP = max(how.TopP, leastTopP)
	}
	if how.Temperature < leastTemperature {
		how.Sample, how.Temperature = false, 1
		if r.Samples > 1 {
			return wrong("n", "n is %d at the temperature 0: the texts would all be the same", r.Samples)
		}
	}
	r.Length = min(r.Length, a.MaxTokens)
	if r.Seed = rand.Uint64(); s.Seed != nil {
		r.Seed = uint64(*s.Seed)
	}
	return nil
}

// leastTemperature is below which the likeliest token is taken: 0 means that to
// OpenAI, and dividing by less would not end well.
const leastTemperature = 1e-3

// leastTopP leaves the likeliest token alone, as 0 does for OpenAI; for package pplm 0
// leaves all.
const leastTopP = 1e-9

// whole reads a whole number, which may be left out.
func whole(name string, from, to *int, least, most int) error {
	if from == nil {
		return nil
	}
	if *from < least || *from > most {
		return wrong(name, "%s is %d: want %d to %d", name, *from, least, most)
	}
	*to = *from
	return nil
}

// number is a number that may be left out.
type number struct {
	name        string
	from        *float64
	to          *float64
	least, most float64
}

func (x number) read() error {
	if x.from == nil {
		return nil
	}
	if !(*x.from >= x.least && *x.from <= x.most) {
		return wrong(x.name, "%s is %v: want %v to %v", x.name, *x.from, x.least, x.most)
	}
	*x.to = *x.from
	return nil
}

// steer reads what a text is steered towards.
func (a *API) steer(r *engine.Request, s *Steer) (err error) {
	if s == nil {
		r.Settings.Iterations = 0
		return nil
	}
	if s.Preset != "" {
		p, err := pplm.FindPreset(s.Preset)
		if err != nil {
			return wrong("steer.preset", "steer.preset: %.400v", err)
		}
		r.Settings = p.Settings
	}
	how := &r.Settings
	for _, x := range []struct {
		name     string
		from, to *int
		most     int
	}{
		{"num_iterations", s.NumIterations, &how.Iterations, mostIterations},
		{"window_length", s.WindowLength, &how.Window, 1 << 20},
		{"grad_length", s.GradLength, &how.GradLength, 1 << 20},
	} {
		if err := whole("steer."+x.name, x.from, x.to, 0, x.most); err != nil {
			return err
		}
	}
	for _, x := range []number{
		{"steer.stepsize", s.StepSize, &how.StepSize, 0, 100},
		{"steer.gamma", s.Gamma, &how.Gamma, 0, 10},
		{"steer.kl_scale", s.KLScale, &how.KLScale, 0, 100},
		{"steer.gm_scale", s.GMScale, &how.GMScale, 0, 1},
	} {
		if err := x.read(); err != nil {
			return err
		}
	}
	r.Attributes, err = a.Catalogue.attributes(s.Attributes)
	return err
}

func checkStops(stops []string) error {
	if len(stops) > mostStops {
		return wrong("stop", "stop: %d texts: want at most %d", len(stops), mostStops)
	}
	for _, s := range stops {
		if s == "" || len(s) > mostStopBytes {
			return wrong("stop", "stop: a text of %d bytes: want 1 to %d", len(s), mostStopBytes)
		}
		if strings.ContainsRune(s, utf8.RuneError) {
			return wrong("stop", "stop: %.80q has a character that is none", s)
		}
	}
	return nil
}

// encode reads the prompt and checks that it fits the model. A length that nobody
// asked for is cut to what fits.
func (a *API) encode(r *engine.Request, prompt, param string, given bool) (err error) {
	info := a.Model.Info()
	if r.Prompt, err = a.Model.Read(prompt); err != nil {
		return wrong(param, "%s: %v", param, err)
	}
	if len(r.Prompt) == 0 {
		return wrong(param, "%s: it is empty, and %s has no token that begins a text", param, info.Name)
	}
	if info.Positions == 0 {
		if n := len(r.Prompt); n > mostPrompt {
			return tooLong(param, "%s: it has %d tokens: want at most %d", param, n, mostPrompt)
		}
		return nil
	}
	beyond := r.Positions() - info.Positions
	if beyond <= 0 {
		return nil
	}
	if beyond < r.Length && !given {
		r.Length -= beyond
		return nil
	}
	most := max(0, r.Length-beyond)
	if most == 0 {
		return tooLong(param, "%s: its %d tokens leave no room for new ones: %s has %d positions", param, len(r.Prompt), info.Name, info.Positions)
	}
	return tooLong("max_tokens", "max_tokens is %d: after a prompt of %d tokens there is room for %d: %s has %d positions", r.Length, len(r.Prompt), most, info.Name, info.Positions)
}

func tooLong(param, format string, args ...any) error {
	f := wrong(param, "%s", fmt.Sprintf(format, args...))
	f.code = "context_length_exceeded"
	return f
}

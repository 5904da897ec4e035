package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

func main() { command.Main("generate", run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	s, f, err := parse(args, stdout)
	if err != nil {
		return err
	}
	return s.write(ctx, f, command.Terminal(stdout), stdout, stderr)
}

func (s *settings) write(ctx context.Context, f *command.Flags, terminal bool, stdout, stderr io.Writer) (err error) {
	if s.prompt == "" && !s.uncond {
		return errors.New("an empty prompt: give the text to go on from with -cond_text, or begin without one with -uncond")
	}
	b, err := s.machine.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := s.lm.Open(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Free()) }()
	sides, err := s.sides(ctx, m, stderr)
	if err != nil {
		return err
	}
	p := &printer{settings: s, flags: f, sides: sides, stdout: stdout, stderr: stderr}
	p.look(terminal)
	return p.run(ctx, m)
}

// look finds out how wide the text is, whether it has colours and where it is seen
// as it grows.
func (p *printer) look(terminal bool) {
	if !p.flags.Given("colorama") {
		p.colour = terminal && os.Getenv("NO_COLOR") == ""
	}
	p.live = !p.json && !p.chosen.Ranked
	p.counts = command.Terminal(p.stderr) && (!p.live || regular(p.stdout))
	if p.json {
		return
	}
	if terminal && (p.columns == 0 || !p.flags.Given("columns")) {
		p.columns = 80
		if file, ok := p.stdout.(*os.File); ok {
			if w, _, err := term.GetSize(int(file.Fd())); err == nil && w > 1 {
				p.columns = w - 1
			}
		}
	}
	if p.columns > 0 {
		p.view = newColumns(p.stdout, p.columns, len(p.sides), p.colour, p.live && terminal)
	}
}

// sides are the unsteered texts and the steered ones, as far as they are asked for.
func (s *settings) sides(ctx context.Context, m *models.Model, stderr io.Writer) ([]*side, error) {
	prompt, err := s.read(m)
	if err != nil {
		return nil, err
	}
	opened, err := s.wanted.Open(ctx, m, s.steering.Horizon, nil, stderr)
	if err != nil {
		return nil, err
	}
	if err := s.checkPositions(m.Info(), len(prompt)); err != nil {
		return nil, err
	}
	request := pplm.Request{
		Prompt: prompt, Length: s.length, Samples: s.samples, Seed: s.seed, Settings: s.steering.Settings, Slide: s.slide,
	}
	steered := s.chosen.Steered && len(opened) > 0 && s.steering.Settings.Iterations > 0
	var sides []*side
	if s.compare || !steered {
		sides = append(sides, s.newSide(m, request, opened, false))
	}
	switch {
	case steered && s.each:
		for i := range opened {
			sides = append(sides, s.newSide(m, request, opened[i:i+1], true))
		}
	case steered:
		sides = append(sides, s.newSide(m, request, opened, true))
	}
	return sides, nil
}

// read are the prompt's tokens.
func (s *settings) read(m *models.Model) ([]int32, error) {
	if !s.uncond {
		return m.Read(s.prompt)
	}
	if m.Begin < 0 {
		return nil, fmt.Errorf("-uncond: %s has no token between texts: give a prompt with -cond_text", m.Info().Name)
	}
	s.prompt = ""
	return []int32{m.Begin}, nil
}

// checkPositions tells whether the texts fit the model's positions, and what to do
// where not.
func (s *settings) checkPositions(info pplm.Info, prompt int) error {
	most := info.Positions - prompt + 1
	if len(s.wanted.Heads.Names) > 0 {
		most -= s.steering.Horizon
	}
	if info.Positions == 0 || s.slide || s.length <= most {
		return nil
	}
	return fmt.Errorf("the prompt's %d tokens and %d new ones do not fit %s, which has %d positions: at most -length %d, or go on from the newest half with -slide",
		prompt, s.length, info.Name, info.Positions, max(0, most))
}

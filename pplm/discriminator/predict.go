package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
)

// maxLine is the most bytes of a text on standard input.
const maxLine = 1 << 20

// classify prints the classes' probabilities for each text.
func (s *settings) classify(ctx context.Context, m *models.Model, stdin io.Reader, stdout, stderr io.Writer) error {
	h, err := attributes.LoadHead(s.head)
	if err != nil {
		return err
	}
	if err := attributes.Fits(h, s.head, m); err != nil {
		return err
	}
	attributes.Warn(stderr, h, "-head "+s.head, m)
	if s.predict != "-" {
		return s.one(ctx, m, h, s.predict, stdout)
	}
	lines := bufio.NewScanner(stdin)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := s.one(ctx, m, h, lines.Text(), stdout); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return nil
}

func (s *settings) one(ctx context.Context, m *models.Model, h *head.Head, text string, stdout io.Writer) error {
	b := m.Info().Backend
	ids, err := m.Read(text)
	if err != nil {
		return err
	}
	x, err := represent.Means(ctx, m, [][]int32{ids}, s.compat, nil)
	if err != nil {
		return err
	}
	wide := backend.New(b, tensor.Float64, x.Shape...)
	b.Copy(wide, x)
	numbers, err := backend.Data[float64](b, wide)
	backend.Release(b, x, wide)
	if err != nil {
		return fmt.Errorf("reading the representation: %w", err)
	}
	var line strings.Builder
	for i, p := range h.LogProbs(numbers) {
		fmt.Fprintf(&line, "%s: %.4f\t", h.Classes[i], math.Exp(p))
	}
	if _, err := fmt.Fprintln(stdout, line.String()+text); err != nil {
		return fmt.Errorf("writing the classes: %w", err)
	}
	return nil
}

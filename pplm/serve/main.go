package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/bags"
	"github.com/tiller-ml/tiller/pplm/books"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/serve/internal/api"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
	"github.com/tiller-ml/tiller/pplm/serve/internal/page"
)

func main() { command.Main("serve", run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stdout)
	if err != nil {
		return err
	}
	hosts, err := s.names()
	if err != nil {
		return command.Usagef("%w", err)
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
	c, err := s.catalogue(m, stderr)
	if err != nil {
		return err
	}
	preset, err := pplm.FindPreset(s.preset)
	if err != nil {
		return err
	}
	log, metrics := slog.New(slog.NewTextHandler(stderr, nil)), api.NewMetrics()
	e := engine.New(m, s.limits, c.Own(), metrics.Round)
	metrics.Watch(e)
	handler := api.New(api.Config{
		Model: m, Engine: e, Limits: s.limits, Catalogue: c, Metrics: metrics, Preset: preset, MaxTokens: s.maxTokens,
		Page: page.Handler(), Hosts: hosts, Token: s.token, Log: log,
	})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Fprintf(stdout, "%s is at http://%s/\n", m.Info().Name, reach(l.Addr()))
	return serve(ctx, l, handler, e, log)
}

// reach is an address at which this machine reaches a listener.
func reach(a net.Addr) string {
	at, ok := a.(*net.TCPAddr)
	if ok && at.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(at.Port))
	}
	return a.String()
}

// grace is how long texts may take to end where the server is to.
const grace = 10 * time.Second

// serve answers until ctx ends, lets the requests that are there end, and the
// engine.
func serve(ctx context.Context, l net.Listener, h http.Handler, e *engine.Engine, log *slog.Logger) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(work)
	}()
	defer func() {
		stop()
		<-ended
	}()
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return work },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	e.Close()
	patience, cancel := context.WithTimeout(work, grace)
	defer cancel()
	if err := server.Shutdown(patience); err == nil {
		return nil
	}
	stop()
	return server.Close()
}

// catalogue is what texts can be steered by: what is built in and what flags name.
func (s *settings) catalogue(m *models.Model, log io.Writer) (*api.Catalogue, error) {
	var lists []api.Bag
	files, err := attributes.Split(s.bags)
	if err != nil {
		return nil, fmt.Errorf("-B: %w", err)
	}
	for _, name := range append(bags.Names(), files...) {
		id, words, err := attributes.Words(name)
		if err != nil {
			return nil, fmt.Errorf("-B: %w", err)
		}
		lists = append(lists, api.Bag{Name: id, Words: words})
	}
	names, err := attributes.Split(s.heads)
	if err != nil {
		return nil, fmt.Errorf("-D: %w", err)
	}
	if s.lm.Dir == "" {
		names = append(books.Heads(), names...)
	}
	var heads []api.Head
	for _, name := range names {
		h, err := attributes.LoadHead(name)
		if err != nil {
			return nil, fmt.Errorf("-D: %w", err)
		}
		if err := attributes.Fits(h, name, m); err != nil {
			return nil, fmt.Errorf("-D: %w", err)
		}
		attributes.Warn(log, h, "-D "+name, m)
		heads = append(heads, api.Head{Name: attributes.Base(name), Head: h})
	}
	return api.NewCatalogue(m, lists, heads)
}

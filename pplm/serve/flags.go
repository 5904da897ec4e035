package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/serve/internal/api"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// program is how this command is called.
const program = "go run ./pplm/serve"

// tokenName is the environment's name for -token, which other users of the machine
// do not see there.
const tokenName = "TILLER_TOKEN"

type settings struct {
	lm          models.Choice
	bags, heads string
	preset      string
	addr        string
	hosts       string
	token       string
	limits      engine.Limits
	maxTokens   int
	machine     command.Backend
}

func defaults() settings {
	return settings{
		addr: "127.0.0.1:8080", preset: models.Books,
		limits: engine.Limits{Texts: 16, Queue: 64}, maxTokens: 1024,
	}
}

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Steers a language model on a page in the browser, and over HTTP as OpenAI's API has it. With no flags it serves a small model of its own, on this machine alone.",
		program,
		program+" -model gpt2-medium -D sentiment",
		program+` -addr :8080 -token "$(openssl rand -hex 16)" -host tiller.example`)
	s.lm.Flags(f)
	g := f.Group("Steering")
	g.Add(&s.bags, "B", "bags of words beside the built-in ones: `files` of a word a line, with ; between them")
	g.Add(&s.heads, "D", "discriminators: `heads`, as pplm/discriminator writes them, with ; between them; the embedded model has its own")
	g.Add(&s.preset, "preset", "settings by `name` for what a request leaves out: "+presets()+". Not given: books for the embedded model, else code-bow")
	g = f.Group("Server")
	g.Add(&s.addr, "addr", "the `host:port` to listen on; port 0 takes a free one. Other machines reach it where the host is not of this one's loopback, and then need the token")
	g.Add(&s.hosts, "host", "further `names` that the server is called by, with ; between them, as behind a proxy. Requests for others are refused, so that no other site's page can ask")
	g.Add(&s.token, "token", "the `secret` that requests must bring, as Authorization: Bearer; not given: that in "+tokenName)
	g.Add(&s.limits.Texts, "max_concurrent", "`texts` at work at once; more advance together faster than one after another, and take more memory")
	g.Add(&s.limits.Queue, "queue", "`texts` that wait for them; requests beyond are told when to come again")
	g.Add(&s.maxTokens, "max_tokens", "the longest text that can be asked for, in `tokens`")
	s.machine.Flags(f)
	return f
}

func presets() string {
	var names []string
	for _, p := range pplm.Presets() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func parse(args []string, stdout io.Writer) (*settings, error) {
	s := defaults()
	f := s.flags()
	if err := f.Parse(args, stdout); err != nil {
		return nil, err
	}
	if !f.Given("token") {
		s.token = os.Getenv(tokenName)
	}
	if s.lm.Dir != "" && !f.Given("preset") {
		s.preset = "code-bow" // books is for the embedded model
	}
	if err := s.check(); err != nil {
		return nil, command.Usagef("%w", err)
	}
	return &s, nil
}

func (s *settings) check() error {
	if _, err := pplm.FindPreset(s.preset); err != nil {
		return fmt.Errorf("-preset: %w", err)
	}
	switch {
	case s.limits.Texts < 1 || s.limits.Queue < 0:
		return fmt.Errorf("-max_concurrent %d and -queue %d: want at least 1 and 0", s.limits.Texts, s.limits.Queue)
	case s.maxTokens < 1:
		return fmt.Errorf("-max_tokens is %d: want 1 or more", s.maxTokens)
	}
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if s.token == "" && !loopback(host) {
		return fmt.Errorf("-addr %s can be reached from other machines: set a -token, or %s", s.addr, tokenName)
	}
	if strings.ContainsFunc(s.token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("-token has a character that is no printable ASCII")
	}
	return nil
}

// loopback tells whether only this machine reaches a host.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// names are what the server may be called by.
func (s *settings) names() (api.Hosts, error) {
	more, err := attributes.Split(s.hosts)
	if err != nil {
		return api.Hosts{}, fmt.Errorf("-host: %w", err)
	}
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return api.Hosts{}, fmt.Errorf("-addr: %w", err)
	}
	h := api.Hosts{Names: []string{"localhost", "127.0.0.1", "::1"}}
	ip, err := netip.ParseAddr(host)
	if h.Addresses = host == "" || err == nil && ip.IsUnspecified(); !h.Addresses {
		more = append(more, host)
	}
	for _, name := range more {
		h.Names = append(h.Names, strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), ".")))
	}
	h.Names = slices.Compact(slices.Sorted(slices.Values(h.Names)))
	return h, nil
}

package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// Metrics counts what a server does, for Prometheus.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	requests *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	rounds   *prometheus.HistogramVec
	batch    *prometheus.HistogramVec
	first    prometheus.Histogram
}

// NewMetrics starts at 0.
func NewMetrics() *Metrics {
	steered := []string{"steered"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiller_requests_total", Help: "Requests by route and status; 499 where the client left.",
		}, []string{"route", "code"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiller_tokens_total", Help: "Tokens that were made.",
		}, steered),
		rounds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tiller_token_seconds", Help: "Time in which a group's texts advanced by a token each.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, steered),
		batch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tiller_batch_texts", Help: "Texts that advanced together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}, steered),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tiller_first_token_seconds", Help: "Time from a request to its first token.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
	}
	m.registry.MustRegister(m.requests, m.tokens, m.rounds, m.batch, m.first,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// Round is for [engine.New].
func (m *Metrics) Round(r engine.Round) {
	steered := strconv.FormatBool(r.Steered)
	m.tokens.WithLabelValues(steered).Add(float64(r.Tokens))
	m.rounds.WithLabelValues(steered).Observe(r.Time.Seconds())
	m.batch.WithLabelValues(steered).Observe(float64(r.Tokens))
}

// Watch adds how many texts an engine has.
func (m *Metrics) Watch(e *engine.Engine) {
	gauge := func(name, help string, get func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(get()) }))
	}
	gauge("tiller_texts_at_work", "Texts that are being written.", func() int { n, _ := e.Load(); return n })
	gauge("tiller_texts_waiting", "Texts that wait for a place.", func() int { _, n := e.Load(); return n })
}

func (m *Metrics) answered(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *Metrics) firstToken(after time.Duration) { m.first.Observe(after.Seconds()) }

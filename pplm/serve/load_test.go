package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// words of prompts, so that clients differ.
var words = []string{"captain", "sea", "army", "star", "letter", "lady", "law", "horse"}

// body is what a client asks for: a text of its own.
func body(client, tokens int, steered bool) string {
	steer := ""
	if steered {
		steer = `,"steer":{"attributes":[{"bag":"space"}],"num_iterations":3}`
	}
	return fmt.Sprintf(`{"prompt":"The %s of the %s","max_tokens":%d,"seed":%d,"stream":true%s}`,
		words[client%8], words[client/8%8], tokens, client, steer)
}

// answer is what a client got.
type answer struct {
	text   string
	ids    map[string]bool
	tokens int
	first  time.Duration // until the first token
	whole  bool
}

// stream reads an answer's events.
func stream(t testing.TB, url, body string) answer {
	begun := time.Now()
	res := post(t, url, body)
	defer res.Body.Close()
	a := answer{ids: map[string]bool{}}
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return a
		}
		require.NoError(t, err)
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok {
			continue
		}
		if a.whole = data == "[DONE]"; a.whole {
			continue
		}
		if a.tokens == 0 {
			a.first = time.Since(begun)
		}
		var c struct {
			ID      string `json:"id"`
			Choices []struct {
				Text string `json:"text"`
			} `json:"choices"`
		}
		require.NoError(t, json.Unmarshal([]byte(data), &c))
		require.Len(t, c.Choices, 1, data)
		a.ids[c.ID] = true
		a.text += c.Choices[0].Text
		a.tokens++
	}
}

// clients ask n times between them, each for texts of its own, and give each answer
// to each.
func clients(t testing.TB, url string, clients, n, tokens int, steered bool, each func(client int, a answer)) {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := c; i < n; i += clients {
				each(c, stream(t, url, body(c, tokens, steered)))
			}
		})
	}
	all.Wait()
}

// 32 clients at once get whole texts, each its own, and goroutines are back at their
// level afterwards. That each text is the one that it is alone, TestClients of package
// api shows to the letter; here sums are ordered by the batch, and a token that is
// nearly as likely as another may differ.
func TestClients(t *testing.T) {
	before := runtime.NumGoroutine()
	const tokens = 8
	url, stop := start(t, "-max_concurrent", "16", "-queue", "32")
	var mu sync.Mutex
	ids, texts := map[string]bool{}, map[int]string{}
	for _, steered := range []bool{false, true} {
		clients(t, url, 32, 40, tokens, steered, func(client int, a answer) {
			mu.Lock()
			defer mu.Unlock()
			assert.True(t, a.whole)
			assert.Equal(t, tokens, a.tokens)
			assert.Len(t, a.ids, 1)
			for id := range a.ids {
				assert.False(t, ids[id], "an answer of its own")
				ids[id] = true
			}
			texts[client] = a.text
		})
		same := 0
		for client := range 8 {
			if texts[client] == stream(t, url, body(client, tokens, steered)).text {
				same++
			}
		}
		assert.GreaterOrEqual(t, same, 6)
	}
	assert.Len(t, ids, 2*40)
	require.NoError(t, stop())
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, 10*time.Millisecond)
}

// BenchmarkServe measures the whole way of a request, from its client and back: an
// operation is a text of 32 tokens. For a load of 60 s:
//
//	go test ./pplm/serve -run '^$' -bench 'Serve/clients=32/steered=false' -benchtime 60s
func BenchmarkServe(b *testing.B) {
	for _, n := range []int{1, 4, 16, 32} {
		for _, steered := range []bool{false, true} {
			b.Run(fmt.Sprintf("clients=%d/steered=%v", n, steered), func(b *testing.B) { benchmark(b, n, steered) })
		}
	}
}

func benchmark(b *testing.B, n int, steered bool) {
	const tokens = 32
	url, stop := start(b, "-max_concurrent", "32")
	clients(b, url, n, n, tokens, steered, func(int, answer) {}) // weighs bags, fills caches
	before := resident(b, url)
	var mu sync.Mutex
	var firsts []time.Duration
	b.ResetTimer()
	clients(b, url, n, b.N, tokens, steered, func(_ int, a answer) {
		mu.Lock()
		defer mu.Unlock()
		if !a.whole || a.tokens != tokens || len(a.ids) != 1 {
			b.Errorf("an answer with %d tokens of %d texts", a.tokens, len(a.ids))
		}
		firsts = append(firsts, a.first)
	})
	b.StopTimer()
	slices.Sort(firsts)
	b.ReportMetric(float64(b.N*tokens)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(firsts[len(firsts)/2].Seconds()*1e3, "first-ms")
	b.ReportMetric(firsts[len(firsts)*95/100].Seconds()*1e3, "first-p95-ms")
	b.ReportMetric(before/(1<<20), "MB-before")
	b.ReportMetric(resident(b, url)/(1<<20), "MB-after")
	require.NoError(b, stop())
}

// resident is the process's memory, its clients' included.
func resident(t testing.TB, url string) float64 {
	for line := range strings.Lines(metrics(t, url, "")) {
		if value, ok := strings.CutPrefix(line, "process_resident_memory_bytes "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return n
		}
	}
	return 0 // a system that does not tell
}

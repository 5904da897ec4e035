package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// The bounds of a list of words in a request.
const (
	mostWords      = 1000
	mostWordBytes  = 80
	mostWordTokens = 24
	mostNameBytes  = 80
	mostAttributes = 16
	mostWeight     = 1000
)

// sampleWords is how many words of a bag stand in the list of bags.
const sampleWords = 6

// Bag is a list of words that the server has.
type Bag struct {
	Name  string
	Words []string
}

// Head is a discriminator that the server has.
type Head struct {
	Name string
	Head *head.Head
}

// Catalogue is what texts can be steered by besides words of a request's own. Any
// number of goroutines may use it.
type Catalogue struct {
	model *models.Model
	bags  []Bag
	heads []Head
	named map[string]engine.Attribute // the bags, of weight 1
}

// NewCatalogue encodes the bags. A name that comes twice, and a bag that the model
// cannot express, are errors.
func NewCatalogue(m *models.Model, bags []Bag, heads []Head) (*Catalogue, error) {
	c := &Catalogue{model: m, bags: bags, heads: heads, named: map[string]engine.Attribute{}}
	for _, b := range bags {
		if _, twice := c.named[b.Name]; twice {
			return nil, fmt.Errorf("two bags of words are called %q", b.Name)
		}
		bag, err := m.Words(b.Name, b.Words)
		if err != nil {
			return nil, err
		}
		c.named[b.Name] = engine.Attribute{ID: "bag " + b.Name, Bag: bag, Weight: 1}
	}
	for i, h := range heads {
		if slices.ContainsFunc(heads[:i], func(o Head) bool { return o.Name == h.Name }) {
			return nil, fmt.Errorf("two discriminators are called %q", h.Name)
		}
	}
	return c, nil
}

// Own are the bags as the engine knows them.
func (c *Catalogue) Own() []engine.Attribute {
	var own []engine.Attribute
	for _, b := range c.bags {
		own = append(own, c.named[b.Name])
	}
	return own
}

// attributes finds what a request asks for, without what has the weight 0.
func (c *Catalogue) attributes(wanted []Attribute) ([]engine.Attribute, error) {
	if len(wanted) > mostAttributes {
		return nil, wrong("steer.attributes", "steer.attributes: %d of them: want at most %d", len(wanted), mostAttributes)
	}
	var out []engine.Attribute
	for i := range wanted {
		param := fmt.Sprintf("steer.attributes[%d]", i)
		a, err := c.attribute(&wanted[i], param)
		if err != nil {
			return nil, err
		}
		if w := wanted[i].Weight; w != nil {
			a.Weight = *w
		}
		if a.Weight > mostWeight || a.Weight < -mostWeight {
			return nil, wrong(param+".weight", "%s.weight is %v: want %d to %d", param, a.Weight, -mostWeight, mostWeight)
		}
		if a.Weight != 0 {
			out = append(out, a)
		}
	}
	return out, nil
}

func (c *Catalogue) attribute(a *Attribute, param string) (engine.Attribute, error) {
	kinds := 0
	for _, has := range []bool{a.Bag != "", a.Discriminator != "", a.Words != nil} {
		if has {
			kinds++
		}
	}
	none := engine.Attribute{}
	switch {
	case kinds != 1:
		return none, wrong(param, "%s: want one of bag, discriminator and words", param)
	case a.Class != "" && a.Discriminator == "":
		return none, wrong(param+".class", "%s.class: only a discriminator has classes", param)
	case a.Name != "" && a.Words == nil:
		return none, wrong(param+".name", "%s.name: only words have a name", param)
	case a.Words != nil:
		return c.words(a, param)
	case a.Bag != "":
		found, ok := c.named[a.Bag]
		if !ok {
			return none, wrong(param+".bag", "%s.bag: there is no %.80q: there are %s", param, a.Bag, listBags(c.bags))
		}
		return found, nil
	}
	i := slices.IndexFunc(c.heads, func(h Head) bool { return h.Name == a.Discriminator })
	if i < 0 {
		return none, wrong(param+".discriminator", "%s.discriminator: there is no %.80q: there are %s", param, a.Discriminator, listHeads(c.heads))
	}
	class, err := c.heads[i].Head.Class(a.Class)
	if err != nil {
		return none, wrong(param+".class", "%s.class: %.400v", param, err)
	}
	return engine.Attribute{ID: "head " + a.Discriminator, Head: c.heads[i].Head, Class: class, Weight: 1}, nil
}

func listBags(bags []Bag) string {
	var names []string
	for _, b := range bags {
		names = append(names, b.Name)
	}
	return list(names)
}

func listHeads(heads []Head) string {
	var names []string
	for _, h := range heads {
		names = append(names, h.Name)
	}
	return list(names)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// words makes a bag of a request's own words.
func (c *Catalogue) words(a *Attribute, param string) (engine.Attribute, error) {
	none := engine.Attribute{}
	name := a.Name
	if name == "" {
		name = "words"
	}
	if len(name) > mostNameBytes {
		return none, wrong(param+".name", "%s.name has %d bytes: want at most %d", param, len(name), mostNameBytes)
	}
	param += ".words"
	if len(a.Words) > mostWords {
		return none, wrong(param, "%s: %d words: want at most %d", param, len(a.Words), mostWords)
	}
	words, err := cleanWords(a.Words, param)
	if err != nil {
		return none, err
	}
	bag, err := c.model.Words(name, words)
	if err != nil {
		return none, wrong(param, "%s: %.400v", param, err)
	}
	most := mostWordTokens
	if p := c.model.Info().Positions; p > 0 {
		most = min(most, p-1)
	}
	for i := range bag.Words {
		if n := len(bag.Words[i].Tokens); n > most {
			return none, wrong(param, "%s: %.80q has %d tokens: want at most %d", param, bag.Words[i].Text, n, most)
		}
	}
	return engine.Attribute{ID: "words " + digest(name, words), Bag: bag, Weight: 1}, nil
}

// cleanWords are words without spaces around them, each once.
func cleanWords(raw []string, param string) ([]string, error) {
	var words []string
	seen := map[string]bool{}
	for _, w := range raw {
		w = strings.TrimSpace(w)
		switch {
		case len(w) > mostWordBytes:
			return nil, wrong(param, "%s: a word has %d bytes: want at most %d", param, len(w), mostWordBytes)
		case strings.ContainsFunc(w, unicode.IsControl):
			return nil, wrong(param, "%s: %.80q has a control character", param, w)
		case strings.ContainsRune(w, utf8.RuneError):
			return nil, wrong(param, "%s: %.80q has a character that is none", param, w)
		case w == "" || seen[w]:
			continue
		}
		seen[w] = true
		words = append(words, w)
	}
	if len(words) == 0 {
		return nil, wrong(param, "%s: there is no word in it", param)
	}
	return words, nil
}

func digest(name string, words []string) string {
	h := sha256.New()
	for _, w := range append([]string{name}, words...) {
		fmt.Fprintf(h, "%q\n", w) // no name reads like a name and a word
	}
	return hex.EncodeToString(h.Sum(nil))
}

// serveAttributes lists what there is to steer by.
func (a *API) serveAttributes(w http.ResponseWriter, _ *http.Request) {
	info := a.Model.Info()
	out := Attributes{
		Model: info.Name, DefaultPreset: a.Preset.Name, Positions: info.Positions, MaxTokens: a.MaxTokens,
		Bags: []BagInfo{}, Discriminators: []DiscriminatorInfo{},
	}
	for _, b := range a.Catalogue.bags {
		out.Bags = append(out.Bags, BagInfo{b.Name, len(b.Words), b.Words[:min(sampleWords, len(b.Words))]})
	}
	for _, h := range a.Catalogue.heads {
		out.Discriminators = append(out.Discriminators, DiscriminatorInfo{h.Name, h.Head.Classes})
	}
	for _, p := range pplm.Presets() {
		out.Presets = append(out.Presets, preset(p))
	}
	writeJSON(w, http.StatusOK, out)
}

func preset(p pplm.Preset) PresetInfo {
	s := p.Settings
	return PresetInfo{p.Name, PresetSettings{
		StepSize: s.StepSize, NumIterations: s.Iterations, Gamma: s.Gamma, KLScale: s.KLScale, GMScale: s.GMScale,
		WindowLength: s.Window, GradLength: s.GradLength,
		Temperature: s.Temperature, TopK: s.TopK, RepetitionPenalty: s.Repetition,
	}}
}

// serveBag is all of a bag's words.
func (a *API) serveBag(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	i := slices.IndexFunc(a.Catalogue.bags, func(b Bag) bool { return b.Name == name })
	if i < 0 {
		fail(w, refused(http.StatusNotFound, "not_found", "there is no bag of words %.80q: there are %s", name, listBags(a.Catalogue.bags)))
		return
	}
	writeJSON(w, http.StatusOK, BagWords{name, a.Catalogue.bags[i].Words})
}

// serveModels is OpenAI's list of models.
func (a *API) serveModels(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Models{Object: "list", Data: []ModelInfo{a.modelInfo()}})
}

// serveModel is one of them.
func (a *API) serveModel(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != a.Model.Info().Name {
		fail(w, refused(http.StatusNotFound, "model_not_found", "there is no model %.80q: there is %s", name, a.Model.Info().Name))
		return
	}
	writeJSON(w, http.StatusOK, a.modelInfo())
}

func (a *API) modelInfo() ModelInfo {
	return ModelInfo{ID: a.Model.Info().Name, Object: "model", Created: a.started.Unix(), OwnedBy: "tiller"}
}

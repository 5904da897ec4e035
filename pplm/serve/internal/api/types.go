package api

import "encoding/json"

// Sampling is what both kinds of requests have in common. Fields of OpenAI's that
// are not here are ignored, or refused where they would change the answer: see
// unsupported.
type Sampling struct {
	Model             string         `json:"model"`
	MaxTokens         *int           `json:"max_tokens"`
	Temperature       *float64       `json:"temperature"`
	TopP              *float64       `json:"top_p"`
	TopK              *int           `json:"top_k"`
	RepetitionPenalty *float64       `json:"repetition_penalty"`
	N                 *int           `json:"n"`
	Seed              *int64         `json:"seed"`
	Stop              Texts          `json:"stop"`
	Stream            bool           `json:"stream"`
	StreamOptions     *StreamOptions `json:"stream_options"`
	Steer             *Steer         `json:"steer"`
	Details           bool           `json:"details"`
}

// StreamOptions are OpenAI's.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// CompletionRequest asks for the continuation of a text.
type CompletionRequest struct {
	Sampling
	Prompt Texts `json:"prompt"`
}

// ChatRequest asks for the continuation of messages.
type ChatRequest struct {
	Sampling
	MaxCompletionTokens *int      `json:"max_completion_tokens"`
	Messages            []Message `json:"messages"`
}

// Message is a message of a chat.
type Message struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`
}

// Steer says what to steer towards and how far.
type Steer struct {
	Attributes    []Attribute `json:"attributes"`
	Preset        string      `json:"preset"`
	StepSize      *float64    `json:"stepsize"`
	NumIterations *int        `json:"num_iterations"`
	Gamma         *float64    `json:"gamma"`
	KLScale       *float64    `json:"kl_scale"`
	GMScale       *float64    `json:"gm_scale"`
	WindowLength  *int        `json:"window_length"`
	GradLength    *int        `json:"grad_length"`
	Details       bool        `json:"details"`
}

// Attribute is a bag of words, a class of a discriminator, or a list of words.
type Attribute struct {
	Bag           string   `json:"bag"`
	Discriminator string   `json:"discriminator"`
	Class         string   `json:"class"`
	Words         []string `json:"words"`
	Name          string   `json:"name"`
	Weight        *float64 `json:"weight"`
}

// Completion is the answer to a CompletionRequest, and a part of it in a stream.
type Completion struct {
	ID          string             `json:"id"`
	Object      string             `json:"object"`
	Created     int64              `json:"created"`
	Model       string             `json:"model"`
	Fingerprint string             `json:"system_fingerprint"`
	Choices     []CompletionChoice `json:"choices"`
	Usage       *Usage             `json:"usage,omitempty"`
}

// CompletionChoice is a text.
type CompletionChoice struct {
	Index        int      `json:"index"`
	Text         string   `json:"text"`
	Logprobs     *None    `json:"logprobs"`
	FinishReason *string  `json:"finish_reason"`
	Tiller       *Details `json:"tiller,omitempty"`
}

// None is what is always null.
type None struct{}

// Chat is the answer to a ChatRequest, and a part of it in a stream.
type Chat struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	Model       string       `json:"model"`
	Fingerprint string       `json:"system_fingerprint"`
	Choices     []ChatChoice `json:"choices"`
	Usage       *Usage       `json:"usage,omitempty"`
}

// ChatChoice has a Message, or in a stream a Delta.
type ChatChoice struct {
	Index        int      `json:"index"`
	Message      *Answer  `json:"message,omitempty"`
	Delta        *Delta   `json:"delta,omitempty"`
	Logprobs     *None    `json:"logprobs"`
	FinishReason *string  `json:"finish_reason"`
	Tiller       *Details `json:"tiller,omitempty"`
}

// Answer is the model's message.
type Answer struct {
	Role    string `json:"role"`
	Content string `json:"content"`
	Refusal *None  `json:"refusal"`
}

// Delta is what a message has more.
type Delta struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

// Usage counts tokens.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// Details are the tokens of a text, or of a part of it.
type Details struct {
	Tokens []Token `json:"tokens"`
}

// Token is how a token was chosen.
type Token struct {
	ID         int32     `json:"id"`
	Text       string    `json:"text"`
	P          float64   `json:"p"`
	Steered    float64   `json:"steered"`
	Plain      float64   `json:"plain"`
	KL         float64   `json:"kl"`
	Bag        []string  `json:"bag"`
	Attributes []float64 `json:"attributes"`
}

// Models is OpenAI's list, of one model.
type Models struct {
	Object string      `json:"object"`
	Data   []ModelInfo `json:"data"`
}

// ModelInfo is the model.
type ModelInfo struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// Attributes is what a text can be steered by.
type Attributes struct {
	Model          string              `json:"model"`
	Bags           []BagInfo           `json:"bags"`
	Discriminators []DiscriminatorInfo `json:"discriminators"`
	Presets        []PresetInfo        `json:"presets"`
	DefaultPreset  string              `json:"default_preset"`
	Positions      int                 `json:"positions"`
	MaxTokens      int                 `json:"max_tokens"`
}

// BagInfo is a bag with its first words.
type BagInfo struct {
	Name   string   `json:"name"`
	Words  int      `json:"words"`
	Sample []string `json:"sample"`
}

// DiscriminatorInfo is a discriminator.
type DiscriminatorInfo struct {
	Name    string   `json:"name"`
	Classes []string `json:"classes"`
}

// PresetInfo are settings under a name.
type PresetInfo struct {
	Name     string         `json:"name"`
	Settings PresetSettings `json:"settings"`
}

// PresetSettings are a preset's steering and drawing.
type PresetSettings struct {
	StepSize          float64 `json:"stepsize"`
	NumIterations     int     `json:"num_iterations"`
	Gamma             float64 `json:"gamma"`
	KLScale           float64 `json:"kl_scale"`
	GMScale           float64 `json:"gm_scale"`
	WindowLength      int     `json:"window_length"`
	GradLength        int     `json:"grad_length"`
	Temperature       float64 `json:"temperature"`
	TopK              int     `json:"top_k"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

// BagWords are all words of a bag.
type BagWords struct {
	Name  string   `json:"name"`
	Words []string `json:"words"`
}

// Health says that the server runs.
type Health struct {
	Status string `json:"status"`
}

// Texts is a text or a list of them.
type Texts []string

// UnmarshalJSON reads a text, a list of them, or null.
func (t *Texts) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(t))
	}
	var one *string
	err := json.Unmarshal(data, &one)
	if err == nil && one != nil {
		*t = Texts{*one}
	}
	return err
}

// Content is a message's text, which may come in parts.
type Content string

// UnmarshalJSON reads a text, a list of parts of the type text, or null.
func (c *Content) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, (*string)(c))
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		if p.Type != "text" {
			return wrong("messages", "messages: a part of the type %.40q: only text can be read", p.Type)
		}
		*c += Content(p.Text)
	}
	return nil
}

// plainSteer is Steer without its UnmarshalJSON.
type plainSteer Steer

// UnmarshalJSON reads the object. A field that it does not have is an error, as it
// is Tiller's own and a misspelt one would be missed.
func (s *Steer) UnmarshalJSON(data []byte) error { return strict(data, (*plainSteer)(s)) }

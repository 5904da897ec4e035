package main

import (
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// program is how this command is called.
const program = "go run ./sharnn/train"

// settings are all that a run follows from, under the flags' names.
type settings struct {
	data, fetch, split, tokens, splits string

	emsize, nhid, nlayers, heads, mem int
	attention                         string

	batchSize, bptt, accumulate   int
	fixedBPTT                     bool
	optimizer                     string
	lr, minLR, clip               float64
	wdecay, minTrust              float64
	beta1, beta2                  float64
	schedule                      string
	warmup, cooldown, hold        int
	dropout, dropouth, dropouti   float64
	wdrop, ema, skipOutliers      float64
	patience, halvings, keep      int
	overfit, recompute            bool
	seed                          uint64
	steps, epochs, secondPass     int
	minutes                       float64
	logInterval, evalInterval     int
	saveInterval, evalBatch       int
	saveMinutes                   float64
	sample                        int
	sampleTemperature, sampleTopP float64

	machine          command.Backend
	dtype            string
	out, resume, log string
}

func defaults() settings {
	return settings{
		split: corpus.AutoSplit, tokens: byteTokens, splits: autoSplits,
		emsize: 256, nhid: 1024, nlayers: 2, heads: 1, mem: 5000, attention: "one",
		batchSize: 16, bptt: 64, accumulate: 1,
		optimizer: string(optim.AdamW), lr: 0.002, clip: 0.25, wdecay: 0.01, minTrust: 0.25, beta1: 0.9, beta2: 0.999,
		schedule: cosine, seed: 1111, minutes: 10,
		logInterval: 50, evalBatch: 16, saveMinutes: 2, keep: 2,
		sample: 300, sampleTemperature: 0.8, sampleTopP: 1,
		dtype: "float32",
	}
}

// flags binds the settings to a command line.
func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Trains a Single Headed Attention RNN on text, byte by byte or token by token: by default the source of the Go standard library. "+
			"The best model by validation, and all that is needed to go on, are kept in a folder.",
		program,
		program+" -data book.txt -minutes 2",
		program+" -data enwik8.zip -steps 20000 -out runs/enwik8",
		program+" -fetch wikitext-2 -tokens words -minutes 30",
		program+" -resume runs/enwik8")
	s.dataFlags(f.Group("Data"))
	s.modelFlags(f.Group("Model"))
	s.trainingFlags(f.Group("Training"))
	s.rateFlags(f.Group("Learning rate"))
	s.endFlags(f.Group("End"))
	s.reportFlags(f.Group("Reports and saving"))
	s.machine.Flags(f)
	return f
}

func (s *settings) dataFlags(g *command.Group) {
	g.Add(&s.data, "data", "a `file`, a folder, a .gz or a .zip; none: the Go standard library's source, a text on every machine with Go")
	g.Add(&s.fetch, "fetch", "the `name` of a corpus to download and train on, once: "+strings.Join(corpus.Corpora(), ", ")+". It is checked by size and SHA-256, and kept in the user's cache folder; train.json names it as -data")
	g.Add(&s.split, "split", "`parts` of the text for training, validation and (if there are three) test, in per cent or bytes, in file order. auto: the files train.txt, valid.txt and test.txt (or WikiText's wiki.train.tokens and so on) of a folder or a zip that has them; of other texts 90/5/5, which is how enwik8 is cut in the literature")
	g.Add(&s.tokens, "tokens", "`what` the model reads and writes: bytes; bpe:4096, a byte-pair vocabulary of so many tokens that is learnt from the training part and saved with the model; words, all that stand between white space in the training part, the most frequent first, with <eos> for the end of a line; or words:20000, the most frequent of them, with <unk> for the others. A model over tokens sees three or four times as much text in as many steps, and pays for it with a larger softmax; losses are per byte either way")
}

func (s *settings) modelFlags(g *command.Group) {
	g.Add(&s.splits, "splits", "`symbols` at which an adaptive softmax begins a new group of rarer ones, as in 2000,20000; a group costs time only for the symbols in it. none: one softmax over all. auto: none but for more than 75,000 words, of which it takes the reference's")
	g.Add(&s.emsize, "emsize", "width of the embeddings and the LSTMs; what a step costs grows with its square")
	g.Add(&s.nhid, "nhid", "width of the Boom layer within a block, a multiple of emsize; the paper takes 4 times")
	g.Add(&s.nlayers, "nlayers", "blocks; few and wide learn faster in minutes, the paper has 4")
	g.Add(&s.attention, "attention", "which `blocks` attend: one (the second-last, as the paper's best), all, or none (a plain stacked LSTM)")
	g.Add(&s.heads, "heads", "attention heads; the point of this model is that one is enough")
	g.Add(&s.mem, "mem", "positions that the attention sees, its own segment included; the paper's 5000. 0: no memory")
}

func (s *settings) trainingFlags(g *command.Group) {
	g.Add(&s.batchSize, "batch_size", "lanes of text read side by side")
	g.Add(&s.bptt, "bptt", "rows of a segment, through which gradients flow back; the state carries on beyond them")
	g.Add(&s.fixedBPTT, "fixed-bptt", "makes all segments bptt rows long; else their length varies a little below it, at random, as the reference's does, so that epochs differ")
	g.Add(&s.accumulate, "accumulate", "segments whose gradients are summed for a step")
	g.Add(&s.optimizer, "optimizer", "the `name` of the rule: sgd, adam, adamw or lamb; adamw learns fastest at this size, lamb stands large batches")
	g.Add(&s.beta1, "beta1", "how much of the gradients' mean a step keeps (not sgd)")
	g.Add(&s.beta2, "beta2", "how much of the squares' mean a step keeps (not sgd)")
	g.Add(&s.wdecay, "wdecay", "weight decay; small, since a run of minutes hardly overfits")
	g.Add(&s.minTrust, "min_trust", "the least trust ratio of lamb; the reference's")
	g.Add(&s.clip, "clip", "largest norm of all gradients together; 0: no limit. The reference's, it keeps the steps after a surprise small")
	g.Add(&s.dropout, "dropout", "share of the final hidden state that is dropped; 0, since a run of minutes hardly overfits")
	g.Add(&s.dropouth, "dropouth", "the same within the blocks")
	g.Add(&s.dropouti, "dropouti", "the same for the embeddings")
	g.Add(&s.wdrop, "wdrop", "share of each LSTM's recurrent weights (weight_hh) that is dropped, the same for all rows of a segment; it holds back a model that learns its text by heart without disturbing what the LSTM remembers")
	g.Add(&s.ema, "ema", "evaluates, keeps and samples a moving average of the weights instead of the weights, of which each step keeps this `share`: 0.999 averages some thousand steps. It is often worth what a lower rate is, long before the rate is low; 0: none. It costs a copy of the weights")
	g.Add(&s.skipOutliers, "skip_outliers", "leaves a step out whose gradients' norm lies more than so many standard `deviations` above its mean over some hundred steps: 5 or 6 stop the rare batch that throws a long run back. Such steps are counted in the log; 0: none is left out")
	g.Add(&s.recompute, "recompute", "throws the blocks' activations away and computes them again in the backward pass: the same losses, bit for bit, in the memory of about one block instead of nlayers, for about a third more time")
	g.Add(&s.overfit, "overfit", "takes the first segment of the text, of bptt rows, at every step: a check of a model and a rate, for the training loss of such a run must fall to nearly 0 within some hundred steps. What it gives on other text is worth nothing")
	g.Add(&s.seed, "seed", "what all random numbers follow from: same seed, same flags, same steps, same bits")
}

func (s *settings) rateFlags(g *command.Group) {
	g.Add(&s.lr, "lr", "the highest learning rate")
	g.Add(&s.schedule, "schedule", "the `name` of the rate's course: cosine falls to min_lr at the last step, which is best when the end is known; linear falls to 0; constant stays, but for -cooldown; plateau is constant until -patience evaluations in a row are no better than the best, and then goes back to the best model, halves the rate and rises to it anew")
	g.Add(&s.patience, "patience", "`evaluations` in a row without a new best after which -schedule plateau halves the rate, and any other schedule ends the run; 0: never. Each covers the whole validation part, so that 2 or 3 are enough")
	g.Add(&s.halvings, "halvings", "how `often` -schedule plateau halves the rate; when it would have to once more, the run ends. 0: no limit")
	g.Add(&s.minLR, "min_lr", "where cosine ends")
	g.Add(&s.warmup, "warmup", "`steps` in which the rate rises from 0; none are needed")
	g.Add(&s.cooldown, "cooldown", "with -schedule constant, the `step` from which the rate falls, to reach 0 at twice that step, as in the reference; 0: never")
	g.Add(&s.hold, "hold", "`steps` before cosine and linear begin to fall. A run that measures its speed sets it to the steps that took")
}

func (s *settings) endFlags(g *command.Group) {
	g.Add(&s.minutes, "minutes", "time to end in, on the clock. Without -steps and -epochs the number of steps is chosen to fit, by the speed of the first ones; with them it stops the run, which can then be resumed, and none is the default. 0: none")
	g.Add(&s.steps, "steps", "number of steps; 0: as -epochs or -minutes say")
	g.Add(&s.epochs, "epochs", "passes over the training text; 0: as -steps or -minutes say")
	g.Add(&s.secondPass, "second_pass", "`epochs` that follow these at half the rate, which rises anew, from the best model so far, as the model's authors trained theirs; 0: none. It wants -epochs and -schedule constant")
}

func (s *settings) reportFlags(g *command.Group) {
	g.Add(&s.out, "out", "the `folder` for the model, all that is needed to go on, and what shows how the run goes: curve.png and curve.svg (bits per byte against tokens and against time), log.jsonl, log.csv, and event files for TensorBoard (tensorboard --logdir FOLDER); default: runs/ and a name made of the text's and the time. One that holds a run is refused")
	g.Add(&s.resume, "resume", "the `folder` of a run to go on with, bit for bit. Flags are the run's own; others given with it win, but those that shape the model or the data")
	g.Add(&s.log, "log", "the `file` that takes a JSON object per log line; default: log.jsonl in the -out folder. The curves and log.csv are made from it, unless it is a pipe")
	g.Add(&s.logInterval, "log-interval", "`steps` between log lines")
	g.Add(&s.evalInterval, "eval-interval", "`steps` between evaluations, each of which covers the whole validation part; 0: a tenth of the run, or less often where that would take more than a tenth of the time")
	g.Add(&s.evalBatch, "eval_batch_size", "lanes of an evaluation; each starts without a past, so fewer are fairer and slower")
	g.Add(&s.saveInterval, "save-interval", "`steps` between saves of what is needed to go on; 0: by time alone. Evaluations save too")
	g.Add(&s.saveMinutes, "save-minutes", "`minutes` between these saves: the most work that a power cut costs; 0: none by time")
	g.Add(&s.keep, "keep", "how many of the newest `saves` are kept: more than one, since where the newest is damaged the one before it is used. Each takes three times the model's size, with -ema four times, and holds the best model of its time")
	g.Add(&s.sample, "sample", "`bytes` of text that the model writes after each evaluation; 0: none")
	g.Add(&s.sampleTemperature, "sample-temperature", "of that text: below 1 is more cautious, 0 always takes the likeliest")
	g.Add(&s.sampleTopP, "sample-top_p", "of that text: only the likeliest bytes or tokens that add up to this probability; 1: all")
	g.Add(&s.dtype, "dtype", "the `type` of numbers: float32; float64, at about half the speed; with -backend cublas also tf32 and bf16, float32 with the factors of products rounded to 10 bits or to bfloat16, in which layers then keep what they need for the backward pass. Weights, norms, softmax and the optimizer's memory stay float32, and no scaling of the loss is needed")
}

// modelConfig is the model for a vocabulary of n symbols.
func (s *settings) modelConfig(n int) (sharnn.Config, error) {
	layers, err := sharnn.AttentionLayers(s.attention, s.nlayers)
	if err != nil {
		return sharnn.Config{}, err
	}
	c := sharnn.Config{
		Symbols: n, Width: s.emsize, Hidden: s.nhid, Layers: s.nlayers,
		Attention: layers, Heads: s.heads, Memory: s.mem,
	}
	if c.Splits, err = s.parseSplits(n); err != nil {
		return sharnn.Config{}, err
	}
	return c, c.Check()
}

func (s *settings) optimConfig() optim.Config {
	c := optim.Defaults(optim.Kind(s.optimizer))
	c.WeightDecay = s.wdecay
	if c.Kind != optim.SGD {
		c.Beta1, c.Beta2 = s.beta1, s.beta2
	}
	if c.Kind == optim.LAMB {
		c.MinTrust = s.minTrust
	}
	return c
}

func (s *settings) rates() sharnn.Rates {
	return sharnn.Rates{Output: s.dropout, Hidden: s.dropouth, Embedding: s.dropouti, Recurrent: s.wdrop}
}

func (s *settings) sampling() sharnn.Sampling {
	return sharnn.Sampling{Temperature: s.sampleTemperature, TopP: s.sampleTopP, Seed: s.seed}
}

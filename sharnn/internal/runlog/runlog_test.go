package runlog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// log makes the text of a log from words such as 3, 3v and 2t: a step, of
// training, validation or test.
func log(words string) string {
	var b strings.Builder
	for i, word := range strings.Fields(words) {
		step := strings.TrimRight(word, "vt")
		more := `"lr":0.5,"grad_norm":1,"tokens_per_s":10,"epoch":0`
		switch {
		case strings.HasSuffix(word, "v"):
			more = `"split":"valid"`
		case strings.HasSuffix(word, "t"):
			more = `"split":"test"`
		}
		fmt.Fprintf(&b, `{"step":%s,"tokens":%d,"loss":2,"bpc":3,%s,"wall_s":%d}`+"\n", step, i, more, i)
	}
	return b.String()
}

func TestReadSettles(t *testing.T) {
	for _, c := range []struct{ name, log, want string }{
		{"empty", "", ""},
		{"undisturbed", "1 2 2v 3 4 4v 2t", "1@0 2@1 2v@2 3@3 4@4 4v@5 2t@6"},
		{"resumed before a line", "1 2 2v 3 3 4", "1@0 2@1 2v@2 3@4 4@5"},
		{"resumed before an evaluation", "5 10 10v 10 10v", "5@0 10@3 10v@4"},
		{"an evaluation again", "5 10 10v 10v 15", "5@0 10@1 10v@3 15@4"},
		{"resumed long before", "5 10 10v 15 20 20v 10 10v", "5@0 10@6 10v@7"},
		{"went on after its test", "1 2 2v 2t 3 4 4v 4t", "1@0 2@1 2v@2 3@4 4@5 4v@6 4t@7"},
		{"tested again", "1 2 2v 2t 2t", "1@0 2@1 2v@2 2t@4"},
		{"another run in the same file", "1 2 2v 2t 1 2", "1@4 2@5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(log(c.log)+`{"step":99,"tok`), 0o666))
			lines, err := Read(path)
			require.NoError(t, err)
			var got []string
			for _, l := range lines {
				got = append(got, fmt.Sprintf("%d%.1s@%d", l.Step, l.Split, l.Tokens))
			}
			assert.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func TestReadErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	_, err := Read(path)
	require.ErrorContains(t, err, "reading the log: open "+path)
	for _, c := range []struct{ log, want string }{
		{log("1 2") + "{}}\n", "line 3: invalid character '}'"},
		{log("1") + "\n[]\n", "line 3: json: cannot unmarshal array"},
		{log("1") + `{"step":2,"split":"train"}` + "\n", "line 2 is neither of training nor of an evaluation"},
		{`{"step":2}` + "\n", "line 1 is neither"},
		{strings.Replace(log("1 2v"), `:3`, `:3e100`, 1), "line 1 has a number that no run gives"},
		{strings.ReplaceAll(log("1 2v"), `"wall_s":`, `"wall_s":-`), "line 2 has a number that no run gives"},
		{strings.Replace(log("1"), `"lr"`, `"split":"test","lr"`, 1), "line 1 is neither"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.log), 0o666))
		_, err := Read(path)
		assert.ErrorContains(t, err, "reading the log: "+path+": "+c.want, c.log)
	}
}

// What is read is in order.
func FuzzParse(f *testing.F) {
	f.Add([]byte(log("1 2 2v 3 1t 2 2v")))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := parse(data)
		if err != nil {
			return
		}
		for i := 1; i < len(lines); i++ {
			a, b := lines[i-1], lines[i]
			require.True(t, b.Split == Test || a.Step < b.Step || a.Step == b.Step && a.Split == "" && b.Split == Valid, "%v before %v", a, b)
			require.NotEqual(t, Test, a.Split)
		}
	})
}

func TestWriteCSV(t *testing.T) {
	lines := []Line{
		{Step: 5, Tokens: 640, Loss: 1.25, BPC: 1.8, Training: &Training{LR: 0.002, GradNorm: 1e-9, TokensPer: 1234.5, Epoch: 1, Skipped: 2}, Wall: 0.5},
		{Step: 5, Split: Valid, Tokens: 640, Loss: 1.5, BPC: 2, PPL: 90.5, Wall: 0.75},
	}
	want := `step,split,tokens,loss,bpc,ppl,lr,grad_norm,tokens_per_s,epoch,skipped,wall_s
5,train,640,1.25,1.8,,0.002,1e-09,1234.5,1,2,0.5
5,valid,640,1.5,2,90.5,,,,,,0.75
`
	var b strings.Builder
	require.NoError(t, WriteCSV(&b, lines))
	assert.Empty(t, cmp.Diff(want, b.String()))
	assert.Equal(t, []Line{lines[1]}, Part(lines, Valid))
	assert.Equal(t, []Line{lines[0]}, Part(lines, ""))
	best, ok := Best(append(lines, Line{Step: 9, Split: Test, BPC: 1}, Line{Step: 10, Split: Valid, BPC: 1.5}, Line{Step: 15, Split: Valid, BPC: 1.5}))
	assert.True(t, ok)
	assert.Equal(t, 10, best.Step)
	_, ok = Best(lines[:1])
	assert.False(t, ok)
}

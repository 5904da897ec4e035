package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
)

// Two runs, of which the second had a lower rate.
func Example() {
	dir, err := os.MkdirTemp("", "runs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, files := range map[string]map[string]string{
		"book": {
			"train.json": `{"emsize": 256, "lr": 0.002}`,
			"log.jsonl": `{"step":50,"tokens":51200,"loss":1.7,"bpc":2.45,"lr":0.002,"grad_norm":0.9,"tokens_per_s":6400,"epoch":0,"wall_s":9}
{"step":50,"split":"valid","tokens":51200,"loss":1.8,"bpc":2.6,"wall_s":18}
`},
		"slow": {
			"train.json": `{"emsize": 256, "lr": 0.0005}`,
			"log.jsonl": `{"step":50,"tokens":51200,"loss":1.9,"bpc":2.74,"lr":0.0005,"grad_norm":0.7,"tokens_per_s":6200,"epoch":0,"wall_s":9}
{"step":50,"split":"valid","tokens":51200,"loss":2,"bpc":2.89,"wall_s":18}
`},
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			log.Fatal(err)
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name, file), []byte(text), 0o666); err != nil {
				log.Fatal(err)
			}
		}
	}
	args := []string{filepath.Join(dir, "book"), filepath.Join(dir, "slow"), "-o", filepath.Join(dir, "both.svg")}
	if err := compare(context.Background(), args, nil, os.Stdout, os.Stderr); err != nil {
		log.Fatal(err)
	}
	// Output:
	// run   parameters  tokens  hours  best valid  at step  test  tokens/s  settings that differ
	// book           -   51200  0.005      2.6000       50     -      6400  -lr=0.002
	// slow           -   51200  0.005      2.8900       50     -      6200  -lr=0.0005
}

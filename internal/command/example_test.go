package command_test

import (
	"fmt"
	"io"
	"log"

	"github.com/tiller-ml/tiller/internal/command"
)

// A program binds its settings, whose values are the defaults, and parses.
func Example() {
	settings := struct {
		width int
		rate  float64
		data  string
	}{width: 256, rate: 0.002}

	f := command.NewFlags("go run ./demo", "Shows how flags are made.")
	g := f.Group("Model")
	g.Add(&settings.width, "width", "`units` of a layer; 256 learn in minutes")
	g = f.Group("Training")
	g.Add(&settings.rate, "lr", "the learning rate")
	g.Add(&settings.data, "data", "the `file` to learn from")

	if err := f.Parse([]string{"-lr", "0.01", "-data=book.txt"}, io.Discard); err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings, f.Given("width"), f.Given("lr"))
	fmt.Printf("%s", f.JSON())
	fmt.Println(f.Parse([]string{"-widht", "3"}, io.Discard))
	// Output:
	// {256 0.01 book.txt} false true
	// {
	//   "width": 256,
	//   "lr": 0.01,
	//   "data": "book.txt"
	// }
	// no flag -widht; did you mean -width? (-h lists them)
}

// Command gen writes the TypeScript types of the desktop from package wire. It is run by go generate in
// signaling/wire and takes the output file.
package main

import (
	"fmt"
	"os"

	"github.com/cordboard/cordboard/internal/wirets"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen OUTPUT.ts")
		os.Exit(2)
	}
	src, err := wirets.Generate(".")
	if err == nil {
		err = os.WriteFile(os.Args[1], src, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// Command gen writes the methods of the clients from the OpenAPI document of this version. It is run by go generate in
// client and takes the output files of Go and of TypeScript.
package main

import (
	"fmt"
	"os"

	"github.com/cordboard/cordboard/internal/apigen"
	"github.com/cordboard/cordboard/signaling/agentapi"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen OUTPUT.go OUTPUT.ts")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(goFile, tsFile string) error {
	doc, err := agentapi.Document()
	if err != nil {
		return err
	}
	ops, err := apigen.Parse(doc)
	if err != nil {
		return err
	}
	src, err := apigen.Go(ops)
	if err != nil {
		return err
	}
	if err := os.WriteFile(goFile, src, 0o644); err != nil {
		return err
	}
	return os.WriteFile(tsFile, apigen.TypeScript(ops), 0o644)
}

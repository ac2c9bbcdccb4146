package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/agentapi"
)

// The generated files are those of this version's document. When they are not: go generate ./client
func TestClientsAreUpToDate(t *testing.T) {
	dir := t.TempDir()
	goFile, tsFile := filepath.Join(dir, "api.go"), filepath.Join(dir, "api.ts")
	if err := run(goFile, tsFile); err != nil {
		t.Fatal(err)
	}
	for made, kept := range map[string]string{goFile: "../../../client/api.go", tsFile: "../../../web/ui/src/wire/api.ts"} {
		a, err := os.ReadFile(made)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s is not of this version's API: go generate ./client", kept)
		}
	}
}

// Every operation of the document but the event socket and the pages that send browsers on is a method of both clients.
func TestClientsAreComplete(t *testing.T) {
	doc, err := agentapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			ID        string `json:"operationId"`
			Responses map[string]any
		}
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(err)
	}
	ts, err := os.ReadFile("../../../web/ui/src/wire/api.ts")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, ops := range d.Paths {
		for method, op := range ops {
			n++
			if _, sent := op.Responses["302"]; sent || path == "/v1/events" {
				continue
			}
			if _, sent := op.Responses["303"]; sent {
				continue
			}
			name := strings.ToUpper(op.ID[:1]) + op.ID[1:]
			if _, ok := reflect.TypeFor[*client.Client]().MethodByName(name); !ok {
				t.Errorf("%s %s: the Go client has no %s", method, path, name)
			}
			if !bytes.Contains(ts, []byte("\n  "+op.ID+"(")) {
				t.Errorf("%s %s: the TypeScript client has no %s", method, path, op.ID)
			}
		}
	}
	if n < 100 {
		t.Errorf("the document has only %d operations", n)
	}
}

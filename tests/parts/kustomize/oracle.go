// Builds many kustomizations in one process, for tests that compare thousands of trees: kustomize's
// own libraries with the defaults of its command line.
//
// One request a line on standard input, {"dir": …, "order": "fifo", "anywhere": true, "fresh": true}
// (all but the first optional); one answer a line, {"output": …} or {"error": …}, in the same order.
// {"url": …} asks how the URL of a remote base is taken apart: repository, path and ref, a line each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	_ "sigs.k8s.io/kustomize/kustomize/v5/commands/build" // its module names the version in labels
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

type request struct {
	Dir      string `json:"dir"`
	Order    string `json:"order"`
	Anywhere bool   `json:"anywhere"`
	URL      string `json:"url"`
	Fresh    bool   `json:"fresh"` // as a process of its own: no schema was used before
}

type answer struct {
	Output string `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

var schemaVersion = openapi.GetSchemaVersion()

func build(r request) (result answer) {
	defer func() {
		if problem := recover(); problem != nil {
			result = answer{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	if r.URL != "" {
		origin := (&resource.Origin{}).Append(r.URL)
		if origin.Repo == "" {
			return answer{Error: "no repository"}
		}
		return answer{Output: fmt.Sprintf("%s\n%s\n%s\n", origin.Repo, origin.Path, origin.Ref)}
	}
	// A schema that a tree brings along is not undone by the next one.
	if r.Fresh || openapi.GetSchemaVersion() != schemaVersion {
		openapi.ResetOpenAPI()
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	if r.Order == "fifo" {
		options.Reorder = krusty.ReorderOptionNone
	}
	if r.Anywhere {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), r.Dir)
	if err != nil {
		return answer{Error: err.Error()}
	}
	text, err := resources.AsYaml()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Output: string(text)}
}

func main() {
	log.SetOutput(os.Stderr)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<16), 1<<20)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		var r request
		if err := json.Unmarshal(input.Bytes(), &r); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(build(r)); err != nil {
			log.Fatal(err)
		}
		if err := output.Flush(); err != nil {
			log.Fatal(err)
		}
	}
	if err := input.Err(); err != nil {
		log.Fatal(err)
	}
}

//go:build tools

// Pins the crane program that the tests run; see tests/parts/build.
package tools

import _ "github.com/google/go-containerregistry/cmd/crane"

//go:build tools

// Pins the cosign program that the tests run; see tests/parts/build.
package tools

import _ "github.com/sigstore/cosign/v3/cmd/cosign"

//go:build tools

// Pins the log that the tests run; see tests/parts/build.
package main

import _ "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix"

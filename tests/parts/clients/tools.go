//go:build tools

// Pins the regctl program that the tests run beside main.go; see tests/parts/build.
package main

import _ "github.com/regclient/regclient/cmd/regctl"

//go:build tools

// Pins the program that the tests run; see tests/parts/build.
package tools

import _ "helm.sh/helm/v4/cmd/helm"

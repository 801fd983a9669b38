//go:build tools

// Pins kwok, which plays the kubelets of the tests' control plane; see tests/parts/build.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"

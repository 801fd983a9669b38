//go:build tools

// Pins the kustomize program that the tests run; see tests/parts/build.
package main

import _ "sigs.k8s.io/kustomize/kustomize/v5"

//go:build tools

// Pins the etcd program that the tests run; see tests/parts/build.
package tools

import _ "go.etcd.io/etcd/server/v3"

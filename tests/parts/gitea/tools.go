//go:build tools

// Pins the gitea program that the tests run; see tests/parts/build.
package tools

import _ "code.gitea.io/gitea"

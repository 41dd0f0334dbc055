//go:build tools

// Package suites makes the program that `build` compiles a dependency of this
// module, so that go.mod and go.sum pin it.
package suites

import _ "github.com/summerwind/h2spec/cmd/h2spec"

//go:build tools

// Package tools makes the commands that `build` compiles dependencies of this
// module, so that go.mod and go.sum pin them.
package tools

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v3/cmd/helm"
)

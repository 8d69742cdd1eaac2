//go:build tools

// Package tools names the programs that are built from this module; go.mod and go.sum are their pins.
package tools

import (
	_ "sigs.k8s.io/kind"
)

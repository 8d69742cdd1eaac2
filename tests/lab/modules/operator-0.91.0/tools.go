//go:build tools

// Package tools names the programs that are built from this module; go.mod and go.sum are their pins.
package tools

import (
	_ "github.com/prometheus-operator/prometheus-operator/cmd/operator"
	_ "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader"
)

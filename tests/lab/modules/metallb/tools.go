//go:build tools

// Package tools names the programs that are built from this module; go.mod and go.sum are its pins.
package tools

import (
	_ "go.universe.tf/metallb/controller"
	_ "go.universe.tf/metallb/speaker"
)

//go:build tools

// Package tools names the program that is built from this module; go.mod and go.sum are its pins.
package tools

import _ "github.com/prometheus-operator/prometheus-operator/cmd/admission-webhook"

// Package lab is what benchmarks share: a gateway between hosts that make new connections and
// take them, and instruments for what commands and connections cost.
package lab

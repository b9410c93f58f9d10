// Package monitoring holds what packaging/monitoring gives to monitoring systems against what they are for:
// promtool runs the alerts on made-up series, and docs/monitoring.md has to say what to do about each.
package monitoring

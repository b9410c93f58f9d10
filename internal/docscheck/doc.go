// Package docscheck holds the documents against the code: the policies in them compile, the
// files that they name exist, and packages import what ARCHITECTURE.md says they may. It has
// tests only.
package docscheck

// Package docscheck compares the documents with the code: the policies in them compile, the
// files that they name exist, and packages import only what ARCHITECTURE.md allows. It has
// only tests.
package docscheck

// Package law holds the one promise that all others rest on: for any policy and any packet,
// three answers agree.
//
//   - policy.Decide says what the policy means.
//   - A Machine carries out the compiled ruleset, statement by statement, as the kernel would.
//   - The kernel translates real packets (package integration, TestLawKernel).
//
// Policy makes up small and nasty policies, Packets aims packets at their edges, and Shrink
// takes from a policy that breaks the law whatever does not matter. Everything follows from
// the numbers that a rand.Rand gives, so a seed repeats a case.
package law

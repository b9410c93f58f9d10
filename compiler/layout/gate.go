package layout

// GateComment marks the table that keeps a node of a pair from forwarding what it does not know.
const GateComment = maker + " ha: while this node waits it forwards nothing new; change its role, not this table"

// GateOf returns the name of that table, beside the table of a policy.
func GateOf(table string) string { return table + "_gate" }

// SPDX-License-Identifier: MIT

package engine

import (
	"srsd/conf"
	"srsd/engine/mem"
)

// MemoryBudget returns how many bytes the process may use, and who says so: max_memory, or
// three quarters of what the machine or its control group has. The rest is for what the
// kernel holds for its sockets, and for others. 0 is no bound: the system does not tell.
func MemoryBudget(c *conf.Config) (bytes int64, from string) {
	if n := c.Budgets.MemoryBytes; n > 0 {
		return n, "max_memory"
	}
	a := mem.FindAvailable()
	return a.Bytes / 4 * 3, a.From
}

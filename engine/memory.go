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

// outside returns what measures the memory beside slabs, on the loop, each 100 ms. When little is left it has
// outputs of streams that have ended go, one at a time: the loop has nothing that would help
// as much, and players would be refused for what nobody may ask for any more.
func (e *Engine) outside() func() int64 {
	measure := mem.NewOutside()
	return func() int64 {
		if used, most := e.loop.hub.Memory(); e.outputs != nil && most > 0 && used > most-most/4 {
			e.outputs.Relieve()
		}
		return measure.Bytes()
	}
}

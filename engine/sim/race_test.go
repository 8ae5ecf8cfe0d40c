// SPDX-License-Identifier: MIT

//go:build race

package sim

const raceEnabled = true

// SPDX-License-Identifier: MIT

package conf

import "fmt"

// suggestBytesMax bounds the words that are compared; names are shorter.
const suggestBytesMax = 64

// didYouMean returns `; did you mean "x"?` for the nearest of names, or "" when
// none is near.
func didYouMean(word string, names []string) string {
	if best := nearest(word, names, max(1, len(word)/3)); best != "" { // one letter in three
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}

// nearest returns the name with the least edit distance to word, the first of several, or ""
// when that is more than letters.
func nearest(word string, names []string, letters int) (best string) {
	if len(word) > suggestBytesMax {
		return ""
	}
	for _, name := range names {
		// What one is longer than the other must be inserted, at least. Most names end here.
		if max(len(word)-len(name), len(name)-len(word)) > letters {
			continue
		}
		if d := distance(word, name); d <= letters {
			best, letters = name, d-1
		}
	}
	return best
}

// distance is how many letters must be inserted, removed, replaced or swapped
// with their neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

package inbox

import (
	"slices"
	"sort"
)

// positions is what has arrived of each stream of a topic.
type positions struct {
	Seen map[string]*numbers `json:"seen"`
}

// numbers is a set of sequence numbers: all up to Done, and some ranges above.
type numbers struct {
	Done  int      `json:"done"`
	Above [][2]int `json:"above"`
}

func (n *numbers) top() int {
	if n == nil {
		return 0
	}
	if len(n.Above) > 0 {
		return n.Above[len(n.Above)-1][1]
	}
	return n.Done
}

func (n *numbers) copy() *numbers { return &numbers{n.Done, slices.Clone(n.Above)} }

func (n *numbers) add(low, high int) {
	n.Above = append(n.Above, [2]int{low, high})
	sort.Slice(n.Above, func(i, k int) bool { return n.Above[i][0] < n.Above[k][0] })
	joined := [][2]int{}
	for _, each := range n.Above {
		last := len(joined) - 1
		switch {
		case each[0] <= n.Done+1:
			n.Done = max(n.Done, each[1])
		case last >= 0 && each[0] <= joined[last][1]+1:
			joined[last][1] = max(joined[last][1], each[1])
		default:
			joined = append(joined, each)
		}
	}
	n.Above = joined
}

func (n *numbers) merge(other *numbers) {
	if other == nil {
		return
	}
	n.add(1, other.Done)
	for _, each := range other.Above {
		n.add(each[0], each[1])
	}
}

func (n *numbers) missing(last int) [][2]int {
	gaps, expected := [][2]int{}, 1
	if n != nil {
		expected = n.Done + 1
		for _, each := range n.Above {
			if each[0] > last {
				break
			}
			gaps = append(gaps, [2]int{expected, each[0] - 1})
			expected = each[1] + 1
		}
	}
	if expected <= last {
		gaps = append(gaps, [2]int{expected, last})
	}
	return gaps
}

package threads

import (
	"fmt"
	"slices"
	"testing"
)

func id(number int) string { return fmt.Sprintf("%018d", number) }

func TestCommentsAreInReadingOrderBelowTheNearestRemainingPost(t *testing.T) {
	links := []Link{{id(5), id(3)}, {id(4), id(1)}, {id(3), id(2)}, {id(2), id(1)}}
	for _, each := range []struct {
		limits   Limits
		removed  map[string]bool
		expected []string
	}{
		{SignedIn, nil, []string{id(2), id(3), id(5), id(4)}},
		{SignedIn, map[string]bool{id(2): true, id(3): true}, []string{id(4), id(5)}},
		{Limits{9, 9, 1}, nil, []string{id(2), id(4)}},
		{Limits{9, 3, 9}, nil, []string{id(2), id(3), id(5)}},
	} {
		if found := DescendantsOf(id(1), links, each.limits, each.removed); !slices.Equal(found, each.expected) {
			t.Errorf("%v without %v: %v", each.limits, each.removed, found)
		}
	}
}

func TestTheGapOfALongPathIsFilled(t *testing.T) {
	comment, links, expected := &Comment{Path: [][2]string{{id(1), "a"}}}, []Link{}, []string{id(1)}
	for number := 2; number <= 60; number++ {
		links = append(links, Link{id(number), id(number - 1)})
		expected = append(expected, id(number))
		if number > 60-MaxPath+1 {
			comment.Path = append(comment.Path, [2]string{id(number), "a"})
		}
	}
	if found := AncestorsOf(comment, links, SignedIn, nil); !slices.Equal(found, expected) {
		t.Errorf("%v", found)
	}
	few := AncestorsOf(comment, links, Limits{Ancestors: 3}, map[string]bool{id(60): true})
	if !slices.Equal(few, []string{id(1), id(58), id(59)}) {
		t.Errorf("%v", few)
	}
}

func TestADeletionIsFinal(t *testing.T) {
	comment := &Comment{}
	if !comment.End(true) || comment.End(false) || !comment.WithReplies || comment.MoveBelow(id(1)) {
		t.Errorf("%v", comment)
	}
}

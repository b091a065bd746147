package threads

// Comment is the document comment:POST, the place of a reply in its thread. Path holds the posts
// above it with their authors. Parent is the nearest post above that was not deleted alone.
type Comment struct {
	ID          string      `json:"id"`
	Author      string      `json:"author"`
	Root        string      `json:"root"`
	Parent      string      `json:"parent"`
	Audience    []string    `json:"audience"`
	Visibility  string      `json:"visibility"`
	CreatedAt   string      `json:"created_at"`
	Deleted     bool        `json:"deleted"`
	Path        [][2]string `json:"path"`
	WithReplies bool        `json:"with_replies"`
}

// IsCounted tells whether everybody may know of the comment.
func (c *Comment) IsCounted() bool { return c.Visibility == "public" || c.Visibility == "unlisted" }

// Answered returns the post that the comment answers.
func (c *Comment) Answered() string {
	if len(c.Path) > 0 {
		return c.Path[len(c.Path)-1][0]
	}
	return c.Parent
}

// HasChanged tells whether a comment is deleted or moved: posts knows all else.
func (c *Comment) HasChanged() bool { return c.Deleted || c.Parent != c.Answered() }

// HasGap tells whether the path leaves posts out, below the topmost one.
func (c *Comment) HasGap() bool { return len(c.Path) >= MaxPath }

// End makes a comment a deleted one, alone or with its replies, and tells whether that changes it:
// a deletion is final.
func (c *Comment) End(withReplies bool) bool {
	if c.Deleted {
		return false
	}
	c.Deleted, c.WithReplies = true, withReplies
	return true
}

// MoveBelow gives a comment another parent, and tells whether that changes it.
func (c *Comment) MoveBelow(parent string) bool {
	if c.Deleted || c.Parent == parent {
		return false
	}
	c.Parent = parent
	return true
}

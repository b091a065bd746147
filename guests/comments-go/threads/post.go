package threads

// Post is what this service needs of a post.
type Post struct {
	ID          string      `json:"id"`
	Author      string      `json:"author"`
	CreatedAt   string      `json:"created_at"`
	InReplyToID *string     `json:"in_reply_to_id"`
	ReblogOfID  *string     `json:"reblog_of_id"`
	Visibility  string      `json:"visibility"`
	Deleted     bool        `json:"deleted"`
	WithReplies bool        `json:"with_replies"`
	Path        [][2]string `json:"path"`
	Mentions    []struct {
		ID string `json:"id"`
	} `json:"mentions"`
}

// CommentFrom returns the comment that a post is.
func CommentFrom(post *Post) *Comment {
	mentioned := map[string]bool{}
	for _, mention := range post.Mentions {
		mentioned[mention.ID] = true
	}
	audience, seen := []string{}, map[string]bool{post.Author: true}
	for _, step := range post.Path {
		author := step[1]
		if !seen[author] && (post.Visibility != "direct" || mentioned[author]) {
			seen[author] = true
			audience = append(audience, author)
		}
	}
	return &Comment{
		ID: post.ID, Author: post.Author, Root: post.Path[0][0], Parent: *post.InReplyToID,
		Audience: audience, Visibility: post.Visibility, CreatedAt: post.CreatedAt,
		Deleted: post.Deleted, Path: post.Path, WithReplies: post.WithReplies,
	}
}

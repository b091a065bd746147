package main

import (
	"context"
	"encoding/json"
)

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

// publicComment is the data of the event comment.changed.
type publicComment struct {
	ID         string   `json:"id"`
	Author     string   `json:"author"`
	Root       string   `json:"root"`
	Parent     string   `json:"parent"`
	Audience   []string `json:"audience"`
	Visibility string   `json:"visibility"`
	CreatedAt  string   `json:"created_at"`
	Deleted    bool     `json:"deleted"`
}

func (c *Comment) isCounted() bool { return c.Visibility == "public" || c.Visibility == "unlisted" }

func (c *Comment) answered() string {
	if len(c.Path) > 0 {
		return c.Path[len(c.Path)-1][0]
	}
	return c.Parent
}

// hasChanged tells whether a comment is deleted or moved: posts knows all else.
func (c *Comment) hasChanged() bool { return c.Deleted || c.Parent != c.answered() }

// row is the row of the comment in the list of its thread: comment, answered post, author.
func (c *Comment) row() Row { return Row{c.ID, c.answered(), c.Author} }

// DeletedPost is a deleted post that is no comment.
type DeletedPost struct {
	Post string `json:"post"`
}

// Repository stores comments, and the lists that are derived from them.
type Repository struct {
	sidecar                     *Sidecar
	comments                    *Collection[Comment]
	gone                        *Collection[DeletedPost]
	threads, removed            *Lists
	replies, uncounted          *Lists
	commentChanges, replyCounts *Outbox
}

func NewRepository(sidecar *Sidecar) *Repository {
	changes := NewOutbox("comments", "comment", "comment.changed", sidecar, commentEvent)
	counts := NewOutbox("comment-counts", "replies", "replies.counted", sidecar, replyCountEvent)
	return &Repository{
		sidecar: sidecar,
		comments: &Collection[Comment]{
			kind: "comment", sidecar: sidecar, outbox: changes, hasEvent: (*Comment).hasChanged,
		},
		gone:           &Collection[DeletedPost]{kind: "gone", sidecar: sidecar},
		threads:        NewLists("thread", sidecar, nil),
		removed:        NewLists("removed", sidecar, nil),
		replies:        NewLists("replies", sidecar, counts),
		uncounted:      NewLists("whispers", sidecar, nil),
		commentChanges: changes,
		replyCounts:    counts,
	}
}

// Close publishes what is left, as long as the context allows.
func (r *Repository) Close(ctx context.Context) {
	r.commentChanges.Close(ctx)
	r.replyCounts.Close(ctx)
}

func commentEvent(_ string, data json.RawMessage) (any, error) {
	var comment publicComment
	err := json.Unmarshal(data, &comment)
	return comment, err
}

func replyCountEvent(id string, data json.RawMessage) (any, error) {
	var head storedHead
	err := json.Unmarshal(data, &head)
	return map[string]any{"post": id, "total": head.Total}, err
}

func (r *Repository) siblings(comment *Comment) *Lists {
	if comment.isCounted() {
		return r.replies
	}
	return r.uncounted
}

// commentsOf returns comments in the order of their ids, without those that do not exist.
func (r *Repository) commentsOf(ctx context.Context, ids []string) ([]*Comment, error) {
	found, err := r.comments.Get(ctx, ids...)
	var comments []*Comment
	for _, id := range ids {
		if found[id] != nil {
			comments = append(comments, found[id])
		}
	}
	return comments, err
}

// thread returns the comment of a post, if it is one, and the heads of its thread.
func (r *Repository) thread(ctx context.Context, id string) (*Comment, *Head, *Head, error) {
	found, err := r.comments.Get(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	comment, root := found[id], id
	if comment != nil {
		root = comment.Root
	}
	heads, err := readAs[Envelope](ctx, r.sidecar, r.threads.heads.Key(root), r.removed.heads.Key(root))
	if err != nil {
		return nil, nil, nil, err
	}
	thread, err := r.threads.heads.From(heads, root)
	if err != nil {
		return nil, nil, nil, err
	}
	removed, err := r.removed.heads.From(heads, root)
	return comment, orEmpty(thread), orEmpty(removed), err
}

func orEmpty(head *Head) *Head {
	if head == nil {
		return &Head{}
	}
	return head
}

// context returns a comment as it is now (nil: there is none), and whether the post above it ended with
// its replies, or was deleted alone.
func (r *Repository) context(
	ctx context.Context, comment *Comment,
) (current *Comment, isParentGone, isParentRemoved bool, err error) {
	gone := r.gone.Key(comment.Parent)
	found, err := readAs[Envelope](ctx, r.sidecar,
		r.comments.Key(comment.ID), r.comments.Key(comment.Parent), gone)
	if err != nil {
		return nil, false, false, err
	}
	if current, err = r.comments.From(found, comment.ID); err != nil {
		return nil, false, false, err
	}
	parent, err := r.comments.From(found, comment.Parent)
	isParentGone = found[gone] != nil
	if parent != nil && parent.Deleted {
		isParentGone = isParentGone || parent.WithReplies
		isParentRemoved = !isParentGone
	}
	return current, isParentGone, isParentRemoved, err
}

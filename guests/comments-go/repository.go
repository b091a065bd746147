package main

import (
	"context"
	"encoding/json"

	"microgram/guests/comments-go/threads"
	"microgram/guests/go/documents"
	"microgram/guests/go/journal"
	"microgram/guests/go/lists"
	"microgram/guests/go/sidecar"
)

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

// DeletedPost is a deleted post that is no comment.
type DeletedPost struct {
	Post string `json:"post"`
}

// Repository stores comments, and the lists that are derived from them.
type Repository struct {
	sidecar                     *sidecar.Client
	comments                    *documents.Collection[threads.Comment]
	gone                        *documents.Collection[DeletedPost]
	threads, removed            *lists.Lists
	replies, uncounted          *lists.Lists
	commentChanges, replyCounts *journal.Outbox
}

// NewRepository returns the repository, whose outboxes publish from then on.
func NewRepository(client *sidecar.Client) *Repository {
	changes := journal.NewOutbox(client, journal.Told{
		Service: name, Topic: "comments", Kind: "comment", Type: "comment.changed", ToData: commentEvent,
	})
	counts := journal.NewOutbox(client, journal.Told{
		Service: name, Topic: "comment-counts", Kind: "replies", Type: "replies.counted",
		ToData: replyCountEvent,
	})
	return &Repository{
		sidecar:        client,
		comments:       documents.NewTold(client, "comment", changes, (*threads.Comment).HasChanged),
		gone:           documents.New[DeletedPost](client, "gone"),
		threads:        lists.New(client, "thread", nil),
		removed:        lists.New(client, "removed", nil),
		replies:        lists.New(client, "replies", counts),
		uncounted:      lists.New(client, "whispers", nil),
		commentChanges: changes,
		replyCounts:    counts,
	}
}

func commentEvent(_ string, data json.RawMessage) (any, error) {
	var comment publicComment
	err := json.Unmarshal(data, &comment)
	return comment, err
}

func replyCountEvent(id string, data json.RawMessage) (any, error) {
	total, err := lists.TotalOf(data)
	return map[string]any{"post": id, "total": total}, err
}

func (r *Repository) siblings(comment *threads.Comment) *lists.Lists {
	if comment.IsCounted() {
		return r.replies
	}
	return r.uncounted
}

// commentsOf returns comments in the order of their ids, without those that do not exist.
func (r *Repository) commentsOf(ctx context.Context, ids []string) ([]*threads.Comment, error) {
	found, err := r.comments.Get(ctx, ids...)
	var comments []*threads.Comment
	for _, id := range ids {
		if found[id] != nil {
			comments = append(comments, found[id])
		}
	}
	return comments, err
}

// thread returns the comment of a post, if it is one, and the heads of its thread.
func (r *Repository) thread(ctx context.Context, id string) (*threads.Comment, *lists.Head, *lists.Head, error) {
	found, err := r.comments.Get(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	comment, root := found[id], id
	if comment != nil {
		root = comment.Root
	}
	heads, err := sidecar.ReadAs[journal.Envelope](ctx, r.sidecar, r.threads.Key(root), r.removed.Key(root))
	if err != nil {
		return nil, nil, nil, err
	}
	thread, err := r.threads.HeadFrom(heads, root)
	if err != nil {
		return nil, nil, nil, err
	}
	removed, err := r.removed.HeadFrom(heads, root)
	return comment, thread, removed, err
}

// rowOf returns the row of a comment in the list of its thread: comment, answered post, author.
func rowOf(comment *threads.Comment) lists.Row {
	return lists.Row{comment.ID, comment.Answered(), comment.Author}
}

// context returns a comment as it is now (nil: there is none), and whether the post above it ended with
// its replies, or was deleted alone.
func (r *Repository) context(
	ctx context.Context, comment *threads.Comment,
) (current *threads.Comment, isParentGone, isParentRemoved bool, err error) {
	gone := r.gone.Key(comment.Parent)
	found, err := sidecar.ReadAs[journal.Envelope](ctx, r.sidecar,
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

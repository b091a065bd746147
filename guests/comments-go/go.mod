module microgram/guests/comments

go 1.22

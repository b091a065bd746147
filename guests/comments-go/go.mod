module microgram/guests/comments

go 1.23

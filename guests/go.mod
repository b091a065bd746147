module microgram/guests

go 1.23

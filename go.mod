module github.com/snatctl/snatctl

go 1.26.0

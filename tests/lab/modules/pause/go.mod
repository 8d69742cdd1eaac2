module promfleet.test/lab/pause

go 1.26.0

module promfleet.test/lab/webhook

go 1.26.0

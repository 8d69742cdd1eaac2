module promfleet.test/lab/volume

go 1.26.0

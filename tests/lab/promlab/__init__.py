"""The test lab: real kind clusters, also on machines that can pull no images. See ../README.md."""

"""The shared core: what an image is, what a network is, how one is run and measured."""

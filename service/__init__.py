"""HTTP around the core: an image in, a sharper image out. Never imports the trainer."""

"""Videos and cameras around the core: frames in, sharpened frames out, everything else as it was.

Knows neither command lines nor HTTP, and nothing of what sharpens.
"""

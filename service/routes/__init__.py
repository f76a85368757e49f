"""The endpoints, one module each: they read, ask the core, and answer.

They never loop over pixels, never catch a domain error and never block the event loop.
"""

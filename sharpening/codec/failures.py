"""What the libraries that decode raise on damaged bytes; nothing here catches it."""

import struct

from PIL import Image as PillowImage

BOMBS = (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning)
"""What Pillow raises for too many pixels; the second only where warnings are errors."""

FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    UserWarning,  # only where warnings are errors
    *BOMBS,
)
"""As found by feeding them damaged files; imagecodecs' own errors are RuntimeErrors."""

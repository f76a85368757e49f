"""Sharpen one picture: python examples/sharpen_picture.py [URL] [PICTURE] [OUTPUT]."""

import sys

from service.client import ClientError, SharpenClient

DEFAULTS = ["http://127.0.0.1:8000", "examples/dog-blurred.png", "sharpened.png"]
url, picture, output = sys.argv[1:] + DEFAULTS[len(sys.argv) - 1 :]

try:
    with SharpenClient(url) as client:
        sharpened = client.sharpen(picture, strength=1.0)
except (ClientError, OSError) as error:
    sys.exit(f"{picture}: {error}")

sharpened.save(output)
spans = ", ".join(f"{span} {ms:.0f} ms" for span, ms in sharpened.timings_ms.items())
print(f"{output}: {len(sharpened.data)} bytes by {sharpened.model} ({spans})")

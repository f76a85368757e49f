"""Three strengths at once, with asyncio: python examples/sharpen_async.py [URL] [PICTURE]."""

import asyncio
import sys
from pathlib import Path

from service.client import AsyncSharpenClient

DEFAULTS = ["http://127.0.0.1:8000", "examples/dog-blurred.png"]
url, picture = sys.argv[1:] + DEFAULTS[len(sys.argv) - 1 :]


async def sharpen(client: AsyncSharpenClient, strength: float) -> None:
    sharpened = await client.sharpen(picture, strength=strength, format="webp", quality=95)
    output = f"{Path(picture).stem}-{strength:g}.webp"
    sharpened.save(output)
    print(f"{output}: {len(sharpened.data)} bytes by {sharpened.model}")


async def main() -> None:
    async with AsyncSharpenClient(url) as client:
        models = await client.models()
        print("loaded:", ", ".join(model.name for model in models))
        await asyncio.gather(*(sharpen(client, strength) for strength in (0.5, 1.0, 1.5)))


asyncio.run(main())

"""Sharpen a folder, four at a time: python examples/sharpen_folder.py [URL] [FOLDER] [OUTPUT]."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from service.client import ClientError, SharpenClient

DEFAULTS = ["http://127.0.0.1:8000", "examples", "sharpened"]
url, folder, output = sys.argv[1:] + DEFAULTS[len(sys.argv) - 1 :]
pictures = sorted(path for path in Path(folder).iterdir() if path.suffix in {".png", ".jpg"})
Path(output).mkdir(exist_ok=True)


def sharpen(picture: Path) -> str | None:
    try:
        client.sharpen(picture).save(Path(output) / picture.name)
    except (ClientError, OSError) as error:
        return f"{picture}: {error}"
    return None


with SharpenClient(url) as client, ThreadPoolExecutor(4) as threads:
    failures = list(filter(None, tqdm(threads.map(sharpen, pictures), total=len(pictures))))
print(f"{len(pictures) - len(failures)} of {len(pictures)} pictures sharpened into {output}")
sys.exit("\n".join(failures) or 0)

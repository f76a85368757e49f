"""Data for training: fetching it and telling what is missing or broken; never trains."""

from trainer.prepare.check import check_folder
from trainer.prepare.div2k import URL, Source, fetch_div2k

__all__ = ["URL", "Source", "check_folder", "fetch_div2k"]

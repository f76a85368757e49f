"""The page of the training photographs counts every file once and credits it by its licence."""

import pytest

from benchmarks.credits import find_family, write_page


@pytest.mark.parametrize(
    ("licence", "family"),
    [
        ("CC-BY-SA-4.0 (a name)", "CC BY-SA"),
        ("CC-BY-4.0 (a name); some are Unsplash photos", "CC BY"),
        ("CC0 (2016, a name)", "CC0 or public domain"),
        ('README: "Unsplash photos are in the public domain"', "Unsplash"),
        ("LGPL-3", "LGPL"),
        ("GPL-2+", "GPL"),
    ],
)
def test_a_licence_is_of_the_kind_it_begins_with(licence: str, family: str) -> None:
    assert find_family(licence) == family


def test_an_unknown_licence_is_refused() -> None:
    with pytest.raises(ValueError, match="'All rights reserved' is of no known kind"):
        find_family("All rights reserved")


def test_every_file_is_counted_and_credited() -> None:
    rows = [
        {"file": "b.jpg", "licence": "CC-BY-4.0 (one)", "source": "github:x/y@123 blob 1"},
        {"file": "a.jpg", "licence": "CC-BY-4.0 (one)", "source": "github:x/y@456 blob 2"},
        {"file": "c.jpg", "licence": "CC0-1.0", "source": "deb:package 1.0 path"},
    ]
    page = write_page(rows)
    assert "| CC BY | 2 |\n| CC0 or public domain | 1 |" in page
    assert "CC-BY-4.0 (one), from github:x/y: `a.jpg`, `b.jpg`." in page
    assert "CC0-1.0, from deb:package: `c.jpg`." in page

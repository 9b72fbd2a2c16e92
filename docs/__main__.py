"""`python -m docs`: writes the generated pages of this folder. `make docs` calls it."""

from __future__ import annotations

import sys

from docs.pages import PAGES, ROOT


def main() -> None:
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()

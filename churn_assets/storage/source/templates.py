"""From a file or folder that somebody names to the template of the whole source."""

import glob
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from churn_assets.core.days import DayTemplate
from churn_assets.core.errors import InputError
from churn_assets.storage.source.reading import is_csv, is_parquet

__all__ = ["find_template", "first_file"]

FORMS = (
    (re.compile(r"year=\d{4}/month=\d{2}/day=\d{2}(?=/)"), ("year={Y}/month={m}/day={d}", "%Y", "%m", "%d")),
    (re.compile(r"year=\d{4}/month=\d{1,2}/day=\d{1,2}(?=/)"), ("year={Y}/month={m}/day={d}", "%Y", "%-m", "%-d")),
    (re.compile(r"(?<!\d)\d{4}/\d{2}/\d{2}(?=/)"), ("{Y}/{m}/{d}", "%Y", "%m", "%d")),
    (re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)"), ("{snapshot_date}",)),
    (re.compile(r"(?<!\d)(19|20)\d{6}(?!\d)"), ("{snapshot_date:%Y%m%d}",)),
)
LOOKED_AT = 1_000  # files of a folder, at most, for one that can be read


def find_template(given: str) -> str:
    """The template of the source that `given` is or lies in: itself, where it is one or a file; absolute.

    Raises:
        InputError: there is nothing, or nothing that can be read.
    """
    path = Path(given).absolute()
    if fault := DayTemplate(given).fault():
        raise InputError(f"{given}: {fault}")
    if DayTemplate(given).is_dated or glob.has_magic(given) or path.is_file():
        return str(path)
    if not path.is_dir():
        raise InputError(f"{given}: there is no such file or folder; name an export, or a template of daily ones")
    found = next(_readable(path), None)
    if found is None:
        raise InputError(f"{given} holds no .parquet, .csv, .tsv or .txt file; name the folder of the exports")
    return str(path / _generalized(found.relative_to(path)))


def first_file(template: str) -> Path:
    """A file of the source.

    Raises:
        InputError: there is none.
    """
    found = sorted(glob.glob(DayTemplate(template).anywhere(), recursive=True))  # noqa: PTH207  # from the root
    files = [path for path in map(Path, found) if path.is_file() and (is_csv(path) or is_parquet(path))]
    filled = [path for path in files if path.stat().st_size]
    if not filled:
        raise InputError(f"{template}: there is no .parquet, .csv, .tsv or .txt file with rows; correct the path")
    return filled[-1]


def _readable(folder: Path) -> Iterator[Path]:
    files = (path for path in islice(sorted(folder.rglob("*")), LOOKED_AT) if path.is_file())
    return (path for path in files if (is_csv(path) or is_parquet(path)) and not path.name.startswith(("_", ".")))


def _generalized(path: Path) -> str:
    """The path of one file of daily exports as the template of all."""
    text = path.as_posix()
    for pattern, (form, *parts) in FORMS:
        if (found := pattern.search(text)) is None:
            continue
        dated = form
        for name, part in zip("Ymd", parts, strict=False):
            dated = dated.replace(f"{{{name}}}", f"{{snapshot_date:{part}}}")
        text = f"{text[: found.start()]}{dated}{text[found.end() :]}"
        break
    folders, _, name = text.rpartition("/")
    if "{snapshot_date" not in name:
        name = f"*{''.join(path.suffixes[-2:]) if is_csv(path) else path.suffix}"
    folders = re.sub(r"(?<![^/])([^/={]+)=(?!\{)[^/]*(?=/|$)", r"\1=*", folders)
    return f"{folders}/{name}".lstrip("/")

"""Whatever stands in `config.yaml` and the environment: settings, or one sentence."""

import os
from pathlib import Path
from unittest import mock

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.composition import build_chain
from churn_assets.core.errors import ChurnError
from churn_assets.settings import Settings, load_settings
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import REPOSITORY

pytestmark = pytest.mark.fault("a configuration is anything")

LONGEST = 4_000  # characters of a sentence: it may name several faults
SHIPPED = (REPOSITORY / "config.yaml").read_text()
KEYS = sorted(
    set(Settings.model_fields)
    | {
        f"{name}.{inner}"
        for name, field in Settings.model_fields.items()
        for inner in getattr(field.annotation, "model_fields", {})
    }
)
ODD = st.sampled_from(
    [
        "",
        "null",
        "~",
        "yes",
        "-1",
        "0",
        "1e999",
        ".nan",
        "{}",
        "[]",
        "2026-02-30",
        "*a",
        "&a x",
        "!!python/object:os.system x",
        "{snapshot_date}",
        "/",
        "..",
        "\0",
        "ä",
        "0x1F",
        "1_000",
        "'",
        "{a: {b: {c: 1}}}",
        "[[[[1]]]]",
        "1" * 400,
        "Europe/../etc",
        "%",
        "* * * * *",
        "churn_assets",
        "os.path",
    ]
)
VALUES = st.one_of(
    ODD,
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: yaml.safe_dump(value, default_flow_style=True).strip()),
)


@st.composite
def configurations(draw: st.DrawFn) -> bytes:
    """The shipped file, some lines of it replaced, doubled or lost and some bytes put in; or lines of known keys."""
    lines = SHIPPED.splitlines()
    if draw(st.booleans()):
        lines = []
    for _ in range(draw(st.integers(0, 4))):
        key, value = draw(st.sampled_from(KEYS)), draw(VALUES)
        outer, _, inner = key.partition(".")
        lines.insert(draw(st.integers(0, len(lines))), f"{outer}: {{{inner}: {value}}}" if inner else f"{key}: {value}")
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.binary(max_size=4)) + content[at + draw(st.integers(0, 3)) :]
    return content


VARIABLES = st.dictionaries(
    st.sampled_from(KEYS).map(lambda key: "CHURN_" + key.replace(".", "__").upper()),
    VALUES.filter(lambda text: "\0" not in text and text.isprintable()),
    max_size=3,
)


def attempt(folder: Path, content: bytes, variables: dict[str, str], tally: Tally) -> None:
    """Count what is neither settings with a chain nor a sentence."""
    (folder / "config.yaml").write_bytes(content)
    own = {"CHURN_CONFIG": str(folder / "config.yaml"), "HOME": str(folder), "PATH": os.environ["PATH"]}
    tally.tried()
    with mock.patch.dict(os.environ, {**own, **variables}, clear=True):
        try:
            found = load_settings()
            build_chain(found)
        except ChurnError as error:
            said = str(error)
        else:
            return
    assert said.strip(), "no words"
    assert len(said.splitlines()) == 1, said
    assert len(said) < LONGEST, said


@pytest.mark.parametrize("examples", [150, pytest.param(4000, marks=pytest.mark.campaign)])
def test_any_configuration_is_taken_or_refused_in_a_sentence(tmp_path: Path, tally: Tally, examples: int) -> None:
    """The file and environment variables are changed at random; every failure is one of ours, in one line."""

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(content=configurations(), variables=VARIABLES)
    def fuzz(content: bytes, variables: dict[str, str]) -> None:
        attempt(tmp_path, content, variables, tally)

    try:
        fuzz()
    except BaseException:
        tally.found(words=1)
        raise

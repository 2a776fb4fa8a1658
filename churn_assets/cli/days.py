"""The command about many days: score those of a range that have no scores yet."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.opening import load_settings, open_launcher
from churn_assets.cli.options import Json, current_user, day_option
from churn_assets.core.errors import RunError

if TYPE_CHECKING:
    from churn_assets.launch.backfill import BackfillPlan, FinishedDay

__all__ = ["commands"]

NAMED = 5
commands = typer.Typer()


@commands.command()
def backfill(
    first: Annotated[datetime, day_option("--from", text="The first of a range of days.")],
    last: Annotated[datetime, day_option("--to", text="The last of a range of days.")],
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Days at once; by cores and free memory (800 MiB each) where not given."),
    ] = None,
    json: Json = False,
) -> None:
    """Score the days of a range that have no scores yet, several at once; a second start does what is missing."""
    from churn_assets.launch.backfill import Workers, plan_days
    from churn_assets.launch.capacity import nights_at_once

    started = time.perf_counter()
    settings = load_settings()
    launcher = open_launcher(settings)
    plan = plan_days(launcher, first.date(), last.date())
    wanted = min(jobs or nights_at_once(), max(1, len(plan.to_do)))
    train = not launcher.chain.registry.has_champion()
    _announce(plan, wanted, train=train)
    nights: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    try:
        if plan.to_do:
            with Workers(settings, current_user(), wanted) as workers:
                if train:
                    with output.progress("training"):
                        output.note(f"model {workers.first_champion(plan.to_do[0])} is champion")
                with output.progress_of_days(len(plan.to_do)) as advance:
                    for each in workers.run(plan.to_do):
                        (failed if each.night is None else nights).append(_shown(each))
                        advance(_told(each))
    except KeyboardInterrupt:
        raise RunError(f"interrupted; {len(nights)} days are done, and the same command again does the rest") from None
    finally:
        tried = {each["snapshot_date"] for each in (*nights, *failed)}
        left = [day for day in plan.to_do if day not in tried]
        told = {
            "nights": sorted(nights, key=lambda night: night["snapshot_date"]),
            "failed": failed,
            "not_done": left,
            "published_before": plan.published,
            "missing": plan.missing,
            "jobs": wanted,
            "seconds": round(time.perf_counter() - started, 3),
        }
        if json:
            output.print_json(told)
    _conclude(told)


def _announce(plan: "BackfillPlan", jobs: int, *, train: bool) -> None:
    told = f"{len(plan.to_do)} days to score, {jobs} at once"
    if plan.published:
        told += f"; {len(plan.published)} have scores already (`run` scores a day anew)"
    output.note(told)
    if plan.missing:
        output.note(f"the source has nothing for {len(plan.missing)}: {_named(plan.missing)}")
    if plan.to_do and train:
        output.note(f"no champion yet: training the first model as of {plan.to_do[0]}")


def _shown(each: "FinishedDay") -> dict[str, Any]:
    return asdict(each.night) if each.night else {"snapshot_date": each.day, "error": each.error}


def _told(each: "FinishedDay") -> str:
    lines = [f"warning: {warning}" for warning in each.warnings]
    if each.night is None:
        return "\n".join([*lines, f"{each.day}: failed: {each.error}"])
    return "\n".join([*lines, f"{each.day}: {each.night.scored:,} customers scored in {each.night.seconds:.1f} s"])


def _conclude(told: dict[str, Any]) -> None:
    """Say how it went.

    Raises:
        RunError: some day could not be done.
    """
    done, failed, left = told["nights"], told["failed"], told["not_done"]
    if not failed:
        output.note(f"{len(done)} days scored in {told['seconds']:.1f} s")
        return
    first = failed[0]
    stopped = f"; after so many in a row {len(left)} were not begun" if left else ""
    raise RunError(
        f"{len(failed)} of {len(failed) + len(done)} days failed{stopped}. The first, {first['snapshot_date']}: "
        f"{first['error']}. The same command again does what is missing"
    )


def _named(days: list[Any]) -> str:
    told = ", ".join(map(str, days[:NAMED]))
    return told if len(days) <= NAMED else f"{told} and {len(days) - NAMED} more"

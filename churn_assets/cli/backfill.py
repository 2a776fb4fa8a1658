"""The command about many days: score those of a range that have no scores yet."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_assets.cli import output
from churn_assets.cli.context import current_user, load_settings, open_launcher
from churn_assets.cli.options import Json, day_option
from churn_assets.core.errors import RunError

if TYPE_CHECKING:
    from churn_assets.launch.backfill import BackfillPlan, FinishedDay, Workers

__all__ = ["commands"]

NAMED = 5  # days that a message lists before it only counts them
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
    at_once = min(jobs or nights_at_once(), max(1, len(plan.to_do)))
    train = not launcher.chain.registry.has_champion()
    _print_plan(plan, at_once, train=train)
    finished: list[FinishedDay] = []
    workers = Workers(settings, current_user(), at_once)
    try:
        if plan.to_do:
            with workers:
                _run_days(workers, plan, finished, train=train)
    except KeyboardInterrupt as error:
        seen = {each.day for each in finished}
        finished += [each for each in workers.ended_unseen() if each.day not in seen]
        done = sum(each.night is not None for each in finished)
        raise RunError(f"interrupted; {done} days are done, and the same command again does the rest") from error
    finally:
        report = _report(plan, finished, at_once, time.perf_counter() - started)
        if json:
            output.print_json(report)
    _print_outcome(report)


def _print_plan(plan: "BackfillPlan", jobs: int, *, train: bool) -> None:
    summary = f"{len(plan.to_do)} days to score, {jobs} at once"
    if plan.published:
        summary += f"; {len(plan.published)} have scores already (`run` scores a day anew)"
    output.print_note(summary)
    if plan.missing:
        output.print_note(f"the source has nothing for {len(plan.missing)}: {_listed(plan.missing)}")
    if plan.to_do and train:
        output.print_note(f"no champion yet: training the first model as of {plan.to_do[0]}")


def _run_days(workers: "Workers", plan: "BackfillPlan", finished: "list[FinishedDay]", *, train: bool) -> None:
    """Run the days of the plan; each is in `finished` as soon as it ends, however the backfill does."""
    if train:
        with output.progress("training"):
            output.print_note(f"model {workers.first_champion(plan.to_do[0])} is champion")
    with output.progress_of_days(len(plan.to_do)) as advance:
        for each in workers.run(plan.to_do):
            finished.append(each)
            advance(_day_lines(each))


def _day_lines(day: "FinishedDay") -> str:
    if day.night is None:
        outcome = f"{day.day}: failed: {day.error}"
    else:
        outcome = f"{day.day}: {day.night.scored:,} customers scored in {day.night.seconds:.1f} s"
    return "\n".join([*(f"warning: {warning}" for warning in day.warnings), outcome])


def _report(plan: "BackfillPlan", finished: "list[FinishedDay]", jobs: int, seconds: float) -> dict[str, Any]:
    """What `--json` prints."""
    tried = {each.day for each in finished}
    nights = [asdict(each.night) for each in finished if each.night is not None]
    return {
        "nights": sorted(nights, key=lambda night: night["snapshot_date"]),
        "failed": [{"snapshot_date": each.day, "error": each.error} for each in finished if each.night is None],
        "not_done": [day for day in plan.to_do if day not in tried],
        "published_before": plan.published,
        "missing": plan.missing,
        "jobs": jobs,
        "seconds": round(seconds, 3),
    }


def _print_outcome(report: dict[str, Any]) -> None:
    """Print how it went.

    Raises:
        RunError: some day could not be done.
    """
    done, failed, left = report["nights"], report["failed"], report["not_done"]
    if not failed:
        output.print_note(f"{len(done)} days scored in {report['seconds']:.1f} s")
        return
    first = failed[0]
    stopped = f"; after so many in a row {len(left)} were not begun" if left else ""
    raise RunError(
        f"{len(failed)} of {len(failed) + len(done)} days failed{stopped}. The first, {first['snapshot_date']}: "
        f"{first['error']}. The same command again does what is missing"
    )


def _listed(days: list[Any]) -> str:
    names = ", ".join(map(str, days[:NAMED]))
    return names if len(days) <= NAMED else f"{names} and {len(days) - NAMED} more"

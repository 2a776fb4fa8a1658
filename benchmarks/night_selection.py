"""A night through Dagster with or without what watches it: what `night_watching.py` runs as a whole process.

CHURN_DATA_DIR=WORK_FOLDER python benchmarks/night_selection.py DAY [--without-watching]
"""

import argparse

from churn_assets.assets.results import REASON_TAG
from churn_assets.cli.context import open_launcher
from churn_assets.settings import load_settings

CONFIG = {
    "ops": {"churn_scores": {"config": {"accept_shift": True}}},
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
}


def main() -> None:
    """Run the night; fail where it fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("day")
    parser.add_argument("--without-watching", action="store_true", help="without the assets of the group monitoring")
    given = parser.parse_args()
    launcher = open_launcher(load_settings())  # as the command line does: what it loads is never collected
    job = launcher.definitions.resolve_job_def("nightly")
    graph = launcher.definitions.get_repository_def().asset_graph
    chosen = [
        key
        for key in job.asset_layer.selected_asset_keys
        if not (given.without_watching and graph.get(key).group_name == "monitoring")
    ]
    result = job.execute_in_process(
        instance=launcher.instance,
        partition_key=given.day,
        asset_selection=chosen,
        run_config=CONFIG,
        tags={REASON_TAG: "a benchmark"},
    )
    print(f"{len(chosen)} assets: {'succeeded' if result.success else 'failed'}")


if __name__ == "__main__":
    main()

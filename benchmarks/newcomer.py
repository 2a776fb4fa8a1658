"""From a file to the first score, as a newcomer: init, check and run in an empty folder, timed.

    python benchmarks/newcomer.py WORK_FOLDER EXPORT [--gone-after DAYS] [--date D]

EXPORT is what `churn-assets init` is given. Prints the seconds of each command, the processor's seconds of all, and
what the first model reached on its hold-out.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

CHURN_ASSETS = Path(sys.executable).parent / "churn-assets"


def main() -> None:
    """Run the three commands, and print what they took and gave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="an empty folder")
    parser.add_argument("export")
    parser.add_argument("--gone-after")
    parser.add_argument("--date")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    day = ["--date", given.date] if given.date else []
    rule = ["--gone-after", given.gone_after] if given.gone_after else []
    seconds = {}
    for words in (["init", given.export, *rule, "--name", "newcomer"], ["check", *day], ["run", *day]):
        began = time.perf_counter()
        subprocess.run([CHURN_ASSETS, *words], check=True, cwd=given.work, stdout=subprocess.DEVNULL)
        seconds[words[0]] = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run(
        [CHURN_ASSETS, "models", "--json"], check=True, cwd=given.work, stdout=subprocess.PIPE, text=True
    )
    [model] = json.loads(told.stdout)
    commands = ", ".join(f"{name} {taken:.0f} s" for name, taken in seconds.items())
    minutes = sum(seconds.values()) / 60
    print(f"{commands}: {minutes:.1f} minutes to the first score, {used.ru_utime + used.ru_stime:.0f} CPU-seconds")
    print(f"{model['estimator']}: ROC-AUC {model['roc_auc']:.3f} on {model['holdout_rows']:,} customers held out")


if __name__ == "__main__":
    main()

"""What a model's reader should know before trusting it, from its card."""

from math import sqrt

from churn_assets.core.models.card import ModelCard

__all__ = ["limitations_of"]

FULL_YEAR = 365
LISTED = 8
FOUR_FIFTHS = 0.8  # of the highest rate of selection, below which US agencies speak of adverse impact
DEVIATIONS = 3.0  # how far chance alone goes, in standard deviations


def limitations_of(card: ModelCard) -> tuple[str, ...]:
    """A sentence for each known limitation."""
    sentences = []
    if card.is_rules:
        sentences.append("Rules are not trained: their probabilities are a person's, and only as calibrated as these.")
    if card.in_sample:
        sentences.append(
            "The export has no time: four fifths of the scored customers were trained on, so their scores are "
            "in-sample."
        )
    if card.metrics is None:
        sentences.append("No outcome was known when it was made: nothing says yet how good it is.")
    elif card.backtest_date and not card.in_sample:
        sentences.append(
            f"It was judged on the outcomes of one day, {card.backtest_date}: other seasons may be harder or easier."
        )
    if card.out_of_fold:
        sentences.append(
            "The export has no time: customers with a label are scored by a model that did not learn from them, the "
            "others by one that learnt from all."
        )
    sentences += _of_data(card)
    sentences += _of_rates(card)
    rare = [
        f"{each.column} {each.value} {each.disparate_impact:.2f}"
        for each in card.slices
        if each.is_large and each.disparate_impact is not None and each.disparate_impact < FOUR_FIFTHS
    ]
    if rare:
        sentences.append(
            "By the four-fifths rule these groups are too rarely in the high tier beside the group that most often "
            f"is: {_listed(rare)}."
        )
    small = [f"{each.column} {each.value}" for each in card.slices if not each.is_large]
    if small:
        sentences.append(f"Groups too small to be judged: {_listed(small)}.")
    return tuple(sentences)


def _listed(groups: list[str]) -> str:
    return ", ".join(groups[:LISTED]) + (f" and {len(groups) - LISTED} more" if len(groups) > LISTED else "")


def _of_data(card: ModelCard) -> list[str]:
    sentences = []
    if card.training_dates and not card.in_sample:
        days = (max(card.training_dates) - min(card.training_dates)).days + 1
        if days < FULL_YEAR:
            sentences.append(
                f"Its training days span {days} day{'s' if days > 1 else ''}: it has not seen a whole year."
            )
    if card.skipped_dates:
        sentences.append(
            f"Of the days that a window of {card.recipe.window_days} days asks for, {len(card.skipped_dates)} had no "
            "source and were skipped."
        )
    if card.left_out_rows:
        sentences.append(f"{card.left_out_rows:,} rows were left out: what became of those customers cannot be told.")
    if card.duplicates:
        sentences.append(
            f"{card.duplicates:,} customers of the hold-out have exactly the features of one that was learnt from: its "
            "figures flatter it."
        )
    for name, words in card.folded.items():
        sentences.append(f"The {words:,} rarest words of {name} were not learnt apart: to the model they are one.")
    if card.sample_rate < 1:
        sentences.append(
            f"It learnt from {card.sample_rate:.2%} of the customers, the same on every day, and was judged on these: "
            "its row counts are those of the sample, its probabilities are for everybody."
        )
    return sentences


def _of_rates(card: ModelCard) -> list[str]:
    """Whether the newest day of the window churned as the window did."""
    if len(card.day_rates) <= 1:
        return []
    newest = max(card.day_rates, key=lambda each: each.day)
    rate = sum(each.churners for each in card.day_rates) / sum(each.rows for each in card.day_rates)
    there = newest.churners / newest.rows
    if abs(there - rate) <= DEVIATIONS * sqrt(rate * (1 - rate) / newest.rows):
        return []
    followed = {
        "none": "its probabilities are at the level of the window",
        "seasonal": "its probabilities are set to the level of the same day last year",
        "saerens": "its probabilities are set to the level that they themselves speak for",
    }[card.prior.kind]
    sentence = (
        f"Of the customers of its window {rate:.1%} churned, of those of {newest.day}, the newest known, {there:.1%}, "
        f"which chance does not explain: {followed}."
    )
    return [sentence]

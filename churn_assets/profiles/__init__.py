"""One short file for each kind of business; copy the nearest one to bring your own customers."""

from churn_assets.core.profile import LabelColumn, LabelRule, Profile, ReasonFamily

__all__ = ["LabelColumn", "LabelRule", "Profile", "ReasonFamily"]

"""The installations of the integration tests are attacked here."""

from churn_assets_tests.integration.conftest import *  # noqa: F403  # its fixtures, all that it names

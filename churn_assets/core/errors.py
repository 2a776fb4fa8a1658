"""Everything this product raises on purpose.

ChurnError                  a sentence for a person: what, where, what to do
├── InputError              wrong usage or input, found before anything started (exit code 2)
│   ├── SettingsError       config.yaml or an environment variable
│   ├── ProfileError        the module that describes the business
│   ├── SourceMissing       no source data for a day
│   └── UnknownVersion      a version, model or customer that is not there
│       └── ExpiredVersion  a version that was kept as long as it is to be
└── RunError                work started and could not be done (exit code 1)
    ├── SourceFault         a source file that cannot be read as customers
    ├── SinkFault           a database that did not take published scores
    ├── AuditFailed         data that may not be published
    ├── PartitionConflict   somebody else published the partition in the meantime
    ├── DamagedVersion      files of a version that are not what was written
    ├── SchemaChanged       a table's columns differ from what would be written
    ├── PartitionMissing    an upstream partition that was never published
    ├── TrainingImpossible  not enough history or labels for an honest model
    ├── LookupFault         files of the app's key lookup that are damaged or those of other scores
    ├── ModelFault          an artefact that is missing, tampered with or of another profile
    └── NoChampion          no model has been promoted
"""

__all__ = [
    "AuditFailed",
    "ChurnError",
    "DamagedVersion",
    "ExpiredVersion",
    "InputError",
    "LookupFault",
    "ModelFault",
    "NoChampion",
    "PartitionConflict",
    "PartitionMissing",
    "ProfileError",
    "RunError",
    "SchemaChanged",
    "SettingsError",
    "SinkFault",
    "SourceFault",
    "SourceMissing",
    "TrainingImpossible",
    "UnknownVersion",
]


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class ChurnError(Exception):
    """A failure whose message tells a person what happened, where, and what to do, in one line."""

    def __str__(self) -> str:
        """The message, with whatever a terminal would obey as its escape: it may name a column of somebody else's."""
        words = super().__str__()
        return words if words.isprintable() else "".join(map(_shown, words))


class InputError(ChurnError):
    """Wrong usage or input; nothing has started."""


class SettingsError(InputError):
    """A value in `config.yaml` or in the environment is not valid."""


class ProfileError(InputError):
    """The profile module cannot be imported or does not define a usable `PROFILE`."""


class SourceMissing(InputError):
    """The source holds nothing for the day that was asked for."""


class UnknownVersion(InputError):
    """A partition version, model version or customer that does not exist."""


class ExpiredVersion(UnknownVersion):
    """A partition version whose files were removed because its time was up."""


class RunError(ChurnError):
    """The work started and could not be done; nothing was published."""


class SourceFault(RunError):
    """A source file cannot be read as a table of customers."""


class SinkFault(RunError):
    """A database did not take the published scores; the tables hold them all the same."""


class AuditFailed(RunError):
    """What was computed may not be published."""


class PartitionConflict(RunError):
    """The partition was published by somebody else since the work on it began."""


class DamagedVersion(RunError):
    """A file of a partition version is missing, or does not hold what was written."""


class SchemaChanged(RunError):
    """A table's columns differ from those that would be written to it."""


class PartitionMissing(RunError):
    """An upstream partition has never been published."""


class TrainingImpossible(RunError):
    """There is not enough history, or not enough outcomes, for an honest model."""


class LookupFault(RunError):
    """Files of a key lookup are missing, damaged, or those of other scores; they can be made again from the table."""


class ModelFault(RunError):
    """A model's folder is missing, damaged, tampered with, or made for another profile."""


class NoChampion(RunError):
    """No model version has been promoted yet."""

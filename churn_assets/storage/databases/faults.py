"""What a database says is wrong, in words of ours: its own may quote a password or a customer's value."""

import re

__all__ = ["in_words"]

MARKS = {  # words of drivers, and what they mean
    "authentication failed": "it refused the user or the password",
    "no password supplied": "it asks for a password",
    "FATAL:  database": "it has no database of that name",
    "FATAL:  role": "it knows no user of that name",
    "no pg_hba.conf entry": "it lets nobody in from this machine, or not without encryption",
    "could not translate host name": "nobody knows a machine of its host's name",
    "Connection refused": "nobody listens at its host and port",
    "timeout expired": "its host does not answer",
    "Connection timed out": "its host does not answer",
    "Network is unreachable": "its host cannot be reached",
    "No such file or directory": "there is no server at its socket",
    "the database system is": "it is starting or stopping",
    "server closed the connection": "the connection was cut",
    "terminating connection": "the connection was cut by its keeper",
    "no connection to the server": "the connection was cut",
    "SSL": "the encrypted connection was cut, or could not be made",
    "could not receive data": "the connection was cut",
    "could not send data": "the connection was cut",
    "Connection reset": "the connection was cut",
    "Broken pipe": "the connection was cut",
    "unexpected EOF": "the connection was cut",
    "canceling statement due to": "it ended the statement, by a timeout or by its keeper",
    "too many connections": "it has no connection left",
    "remaining connection slots": "it has no connection left",
    "invalid URI query parameter": "the query of its address names something that the driver does not know",
    "invalid integer value": "the port in its address is no number",
    "invalid connection option": "its address names something that the driver does not know",
    "permission denied": "its user may not read or write that",
    "No space left": "its disk is full",
    "in a read-only transaction": "the query may not write: its transaction only reads",
    "division by zero": "a division by zero",
    "out of range": "a number out of its type's range",
    "failed to open": "there is no such file, or it may not be opened",
    "database is locked": "another program holds it; it was waited for",
    "readonly database": "it may not be written",
    "file is not a database": "the file is no SQLite database",
    "malformed": "the file is damaged",
}
CUT = ("08", "57P")  # SQLSTATE's classes of connections that fail, and of a server that goes down
CAST = re.compile(r"invalid input syntax for type ([a-z ]+)")
MISFIT = re.compile(r"Type mismatch in column")
STATEMENT = (
    re.compile(r"ERROR: +(?P<words>(?:column|relation|function|operator|schema|type|table|missing)\b[^\n]*)"),
    re.compile(r"ERROR: +(?P<words>syntax error[^\n]*)"),
    re.compile(r"Failed to prepare query: (?P<words>(?:no such|near|ambiguous|wrong number)[^\n]*)"),
)


def in_words(error: BaseException) -> str:
    """What an error of a driver means: of a statement that cannot be run its place, of rows never a value."""
    message = str(error)
    for pattern in STATEMENT:
        if found := pattern.search(message):
            return found["words"]
    if found := CAST.search(message):
        return f"a cell is no {found[1].strip()}"
    if MISFIT.search(message):
        return (
            "a column holds values of different types: SQLite gives a column the type of its first rows; cast it in "
            "the query, such as cast(column as text)"
        )
    for mark, words in MARKS.items():
        if mark in message:
            return words
    state = getattr(error, "sqlstate", None)
    if state and state.startswith(CUT):
        return "the connection was cut"
    return f"{type(error).__name__}{f', SQLSTATE {state}' if state else ''}; its own log tells more"

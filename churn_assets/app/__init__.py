"""The score service: read-only, small and quick to start; it loads no model, no orchestrator and no pandas.

    run          uvicorn around it            build      the parts put together
    api          its endpoints                answers    what they say, as types for the OpenAPI document
    site         the page for a person        openapi    the document itself
    gate         keys, paths, body sizes      problems   every refusal, in one shape
    observing    request ids, logs, metrics   logs, metrics
    desk         which scores are in force    editions   one version of a day's scores, ready to be told
    client       for programs that ask it: needs nothing of the above

A request takes the edition in force once and answers from it alone, so no answer is a mixture.
"""

"""The score service: read-only, small and quick to start; it loads no model, no orchestrator and no pandas.

    server       uvicorn around it, and the bounds of its protocol
    factory      the parts put together
    web/         who is let in, endpoints, what they answer as types, refusals, the OpenAPI document, the page
    scores/      which scores are served, and one version of a day's scores, ready to be answered with
    telemetry/   request ids, log lines, metrics
    client       for programs that ask it: needs nothing of the above

A request takes the snapshot that is served once and answers from it alone, so no answer is a mixture.
"""

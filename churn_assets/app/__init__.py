"""The score service: read-only, small and quick to start; it loads no model, no orchestrator and no pandas.

    server       the process: a socket and uvicorn
    protocol     bounds of a request's head and of connections, before anything else sees a byte
    factory      builds the app of the parts below
    web/         who is let in, endpoints and their types, the fast route, refusals, the OpenAPI document, the page
    scores/      which scores are served, and one version of a day's scores, ready to be answered with
    telemetry/   request ids, log lines, metrics
    client       for programs that ask it: needs nothing of the above

A request takes the snapshot that is served once and answers from it alone, so no answer is a mixture.
"""

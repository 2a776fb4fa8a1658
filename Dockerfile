# One image for every process of an installation (compose.yaml starts them all); models and data lie outside it, under /data:
#   docker run -v churn:/data churn-assets churn-assets run                                     a night by hand
#   docker run -v churn:/data churn-assets dagster code-server start -h 0.0.0.0 -p 4000 -m churn_assets.definitions
#   docker run -v churn:/data churn-assets dagster-webserver -h 0.0.0.0 -p 3000                 the UI
#   docker run -v churn:/data churn-assets dagster-daemon run                                   schedules
# Any base with glibc and `python3` 3.11 or later, with venv, serves.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/churn UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /src
COPY Makefile ./
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --quiet --no-cache-dir "uv==$(sed -n 's/^UV_VERSION := //p' Makefile)"
COPY pyproject.toml uv.lock ./
# EXTRA=dask adds what the scheduler, the workers and a night that scores on them need (docs/cluster.md).
ARG EXTRA=
ARG EXTRAS="--extra postgres --extra sql --extra signing"
RUN /opt/uv/bin/uv sync --locked --no-dev ${EXTRAS} ${EXTRA:+--extra "$EXTRA"} --no-install-project --python "$(command -v python3)"
COPY README.md LICENSE ./
COPY churn_assets churn_assets
RUN /opt/uv/bin/uv sync --locked --no-dev ${EXTRAS} ${EXTRA:+--extra "$EXTRA"} --no-editable --python "$(command -v python3)"

FROM ${BASE_IMAGE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin churn \
    && install --directory --owner churn --group churn /data
COPY --from=build /opt/churn /opt/churn
WORKDIR /app
COPY config.yaml dagster.yaml workspace.yaml workspace.code-server.yaml ./
ENV PATH=/opt/churn/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/data/.matplotlib NUMBA_CACHE_DIR=/data/.numba DAGSTER_HOME=/app CHURN_CONFIG=/app/config.yaml \
    CHURN_DATA_DIR=/data CHURN_WORK_DIR=/data
VOLUME /data
EXPOSE 3000 4000 8000
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=60s --start-period=120s CMD ["python", "-m", "churn_assets.launch.health"]
# Last, so that a new commit alone invalidates no layer that holds files.
ARG CODE_REVISION=
ENV CHURN_CODE_REVISION=${CODE_REVISION}
LABEL org.opencontainers.image.title="churn-assets" \
      org.opencontainers.image.description="Nightly churn scores as versioned tables" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${CODE_REVISION}"
CMD ["churn-assets", "--help"]

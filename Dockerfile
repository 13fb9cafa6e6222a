# Images of AgentAI. `agentai image` builds `executor`; `docker compose` builds `service` and `executor`.
# BASE_IMAGE is any Debian-like image with Python 3.11 or newer. Where no registry can be reached, `agentai image`
# makes one from Debian's packages that already holds every tool, so that the steps below find nothing to do.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# ---- executor: what runs inside a task's container. No secret, no network, a plain user.
FROM ${BASE_IMAGE} AS executor
SHELL ["/bin/sh", "-eu", "-c"]
RUN missing=""; \
    for package in bash ca-certificates coreutils curl file fonts-dejavu-core git jq librsvg2-bin \
            poppler-utils procps ripgrep unzip; do \
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"; \
    done; \
    if [ -n "$missing" ]; then \
        apt-get update -q && apt-get install -q -y --no-install-recommends $missing; \
        rm -rf /var/lib/apt/lists/*; \
    fi
RUN if ! id -u 10001 >/dev/null 2>&1; then \
        groupadd --gid 10001 agent; \
        useradd --uid 10001 --gid 10001 --no-create-home --home-dir /work --shell /bin/bash agent; \
    fi; \
    mkdir -p /work /run/agentai && chown 10001:10001 /work
COPY executors/__init__.py /opt/agentai/executors/__init__.py
COPY executors/worker /opt/agentai/executors/worker
COPY core/__init__.py core/hygiene.py core/confusables.py /opt/agentai/core/
RUN python3 -I -m compileall -q --invalidation-mode unchecked-hash /opt/agentai
ENV LANG=C.UTF-8 HOME=/work
USER 10001:10001
WORKDIR /work
# The launcher names the command of every container; this only makes a bare `docker run` harmless.
CMD ["true"]

# ---- browser: the same worker with Debian's Chromium and the tools that drive it, on top of executor.
FROM executor AS browser
USER root
RUN missing=""; \
    for package in chromium fonts-liberation fonts-noto-color-emoji openssl; do \
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"; \
    done; \
    if [ -n "$missing" ]; then \
        apt-get update -q && apt-get install -q -y --no-install-recommends $missing; \
        rm -rf /var/lib/apt/lists/*; \
    fi
COPY executors/browser /opt/agentai/executors/browser
RUN python3 -I -m compileall -q --invalidation-mode unchecked-hash /opt/agentai/executors/browser
ENV AGENTAI_BOX=browser
USER 10001:10001

# ---- reader: the same worker with the libraries that parse documents. `agentai image reader` puts them in extras/.
FROM executor AS reader
USER root
COPY extras/site /opt/reader
COPY executors/reader /opt/agentai/executors/reader
RUN python3 -I -m compileall -q --invalidation-mode unchecked-hash /opt/agentai/executors/reader /opt/reader || true
ENV PYTHONPATH=/opt/agentai:/opt/reader
USER 10001:10001

# ---- service: bot, coordinator and heartbeat; the executor host runs the same image with another command.
FROM ${BASE_IMAGE} AS service
SHELL ["/bin/sh", "-eu", "-c"]
# libflite1 is the voice that needs no service; without it the bot says what to install.
RUN missing=libflite1; \
    if ! python3 -m pip --version >/dev/null 2>&1; then missing="$missing python3-pip"; fi; \
    apt-get update -q && apt-get install -q -y --no-install-recommends $missing; \
    rm -rf /var/lib/apt/lists/*
# The second pattern matches nothing unless `make wheels` has put the wheels there.
COPY requirements.lock .build/wheels* /tmp/wheels/
RUN options="--require-hashes --no-deps --no-cache-dir"; \
    if ls /tmp/wheels/*.whl >/dev/null 2>&1; then options="$options --no-index --find-links /tmp/wheels"; fi; \
    PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install $options -r /tmp/wheels/requirements.lock; \
    rm -rf /tmp/wheels
WORKDIR /opt/agentai
COPY . /opt/agentai
RUN PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --no-index --no-deps --no-build-isolation --no-cache-dir -e .; \
    groupadd --gid 10001 agent && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/agentai agent; \
    mkdir -p /var/lib/agentai && chown 10001:10001 /var/lib/agentai
ENV AGENTAI_HOME=/var/lib/agentai
USER 10001:10001
CMD ["agentai", "serve"]

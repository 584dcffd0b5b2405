# Three stages: the wheel, the locked environment with the wheel in it, and a slim image that holds that environment alone.
# Build:  docker build -t churn .
# Serve:  docker run --read-only --tmpfs /tmp -v churn-data:/data -p 127.0.0.1:8000:8000 churn
# A job:  docker run --rm --no-healthcheck --read-only --tmpfs /tmp -v churn-data:/data churn demo
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS wheel
WORKDIR /src
# .dockerignore lets in what the wheel is made of, and nothing else.
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON_VERSION}-slim AS environment
RUN python -m venv /venv
COPY requirements.lock /locked/
RUN /venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r /locked/requirements.lock
COPY --from=wheel /wheels /wheels
RUN /venv/bin/python -m pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:${PYTHON_VERSION}-slim
# A number, not a name, so that an orchestrator can see that it is not root.
RUN mkdir /data && chown 10001:10001 /data
COPY --from=environment /venv /venv
# Everything the product writes lies under /data; compiled kernels and scratch files go to /tmp, so the rest may be read-only.
# A proxy reaches a container through a private network: its word on address, scheme and host counts.
ENV PATH=/venv/bin:$PATH \
    CHURN_HOME=/data \
    CHURN_API__TRUSTED_PROXIES=127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Asks the service whether it can answer; a container that runs a scheduler or a job asks otherwise, see compose.yaml.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["churn", "health"]
# Requests at work are finished first, for 20 seconds at most.
STOPSIGNAL SIGTERM
ENTRYPOINT ["churn"]
CMD ["serve", "--host", "0.0.0.0"]

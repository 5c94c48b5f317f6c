# One image for every pod: Ray head, Ray workers, the job submitter and the MLflow server.
FROM python:3.11.14-slim-bookworm

# PyPI's torch brings its CUDA libraries and also runs on CPUs. For a CPU-only image, GBs smaller:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu .
ARG PIP_EXTRA_INDEX_URL=""
ARG REVISION=unknown

LABEL org.opencontainers.image.title="dnasweep" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# Nothing is reported to the makers of Ray and MLflow.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DNASWEEP_COMMIT=${REVISION} \
    RAY_USAGE_STATS_ENABLED=0 \
    MLFLOW_DISABLE_TELEMETRY=true

# A number that the manifests repeat: runAsNonRoot cannot check a name.
RUN useradd --uid 10001 --create-home dnasweep

# Into the system Python, whose folder is on the PATH of login shells too: KubeRay may use one.
WORKDIR /app
COPY requirements.lock ./
COPY k8s/requirements.lock k8s/
RUN pip install --no-cache-dir -r requirements.lock -r k8s/requirements.lock

COPY pyproject.toml README.md LICENSE* run_search.py ./
COPY dnasweep dnasweep
COPY engine engine
COPY studies studies
COPY search_spaces search_spaces
# Editable, so that the code is that of /app, where studies/ and search_spaces/ can be seen.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

USER 10001
CMD ["python", "run_search.py", "--help"]

# syntax=docker/dockerfile:1
# One image for every role; docker-compose.yml says which command each service runs.

FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/bastion
COPY requirements/s3.txt requirements/
RUN /opt/bastion/bin/pip install --only-binary :all: --require-hashes -r requirements/s3.txt

FROM python:3.11-slim-bookworm AS frontend
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/
RUN pip install --only-binary :all: --require-hashes -r requirements/build.txt
COPY frontend/package.json frontend/package-lock.json frontend/
RUN npm --prefix frontend ci --no-audit --no-fund
COPY frontend frontend
RUN npm --prefix frontend run build

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Bastion" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 bastion \
    && useradd --uid 10001 --gid bastion --home-dir /srv/bastion --no-create-home --shell /usr/sbin/nologin bastion \
    && install -d -o bastion -g bastion -m 0700 /var/lib/bastion
COPY --from=packages /opt/bastion /opt/bastion
WORKDIR /srv/bastion
COPY audit audit
COPY bastion bastion
COPY hosts hosts
COPY tools tools
COPY celery_app.py manage.py ./
COPY --from=frontend /build/frontend/dist frontend/dist
ENV PATH=/opt/bastion/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BASTION_BIND=0.0.0.0 \
    BASTION_DATA_DIR=/var/lib/bastion
USER 10001:10001
VOLUME /var/lib/bastion
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 CMD ["python", "-m", "bastion.probe", "/healthz"]
CMD ["python", "-m", "bastion.supervisor", "web"]

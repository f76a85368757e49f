# syntax=docker/dockerfile:1
#
# The service. `cpu`, the last stage and so the one that is built unless told otherwise, runs everywhere; `gpu` is for a
# machine with an NVIDIA GPU. docker-compose.yml builds and runs both.
#
# There is PyTorch in `gpu` alone. The Python is the one whose wheels constraints.txt names.
FROM python:3.11.14-slim-bookworm AS python
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# What both images install. EXTRAS names more extras of pyproject.toml, such as `storage`.
FROM python AS packages
WORKDIR /build
RUN python -m venv /opt/venv
COPY pyproject.toml constraints.txt ./
COPY docker/install.sh docker/
ARG PIP_FLAGS=""
ARG EXTRAS=""

FROM packages AS cpu-packages
RUN --mount=type=cache,target=/root/.cache/pip docker/install.sh service ${EXTRAS}

FROM packages AS gpu-packages
RUN --mount=type=cache,target=/root/.cache/pip docker/install.sh service torch ${EXTRAS} \
    && python -c 'import torch; print("PyTorch", torch.__version__, "for CUDA", torch.version.cuda)'

# What runs the student inside the page, from npm.
FROM node:22.21.1-bookworm-slim AS page
WORKDIR /build
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm run runtime

FROM python AS weights
COPY weights /weights
COPY docker/check-weights.sh /build/
RUN /build/check-weights.sh /weights

# All but the packages: they come last, and so need not be made again for a change of the code.
FROM python AS application
RUN groupadd --gid 1000 sharpen \
    && useradd --uid 1000 --gid sharpen --no-create-home --home-dir /tmp sharpen
WORKDIR /opt/service
COPY LICENSE ./
COPY sharpening sharpening
COPY service service
COPY --from=page /build/service/page/runtime service/page/runtime
COPY --from=weights /weights /weights

ARG REVISION=unknown
LABEL org.opencontainers.image.title="sharpening-service" \
    org.opencontainers.image.description="Sharpens photographs and video frames over HTTP" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.revision="$REVISION"

ENV PYTHONPATH=/opt/service \
    HOME=/tmp \
    SHARPEN_WEIGHTS_DIR=/weights \
    SHARPEN_HOST=0.0.0.0 \
    SHARPEN_PORT=8000
EXPOSE 8000
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "service.cli"]
CMD ["serve"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=2m --start-interval=2s \
    CMD ["python", "-m", "service.cli", "health", "http://127.0.0.1:8000"]

FROM application AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    SHARPEN_DEVICE=cuda
COPY --link --from=gpu-packages /opt/venv /opt/venv

FROM application AS cpu
COPY --link --from=cpu-packages /opt/venv /opt/venv

# syntax=docker/dockerfile:1
#
# `python -m trainer` for a machine with an NVIDIA GPU; run it by docker-compose.yml, which says how.
#
# There is no CUDA in the base: PyTorch's wheel brings the CUDA libraries that it was built for, and the driver is the
# host's, put in by the NVIDIA Container Toolkit. The CUDA of a base image would lie unused beside it. The Python is the
# one whose wheels constraints.txt names.
FROM python:3.11.14-slim-bookworm

WORKDIR /opt/trainer
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/trainer \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# The folders belong to the first user of most machines; docker-compose.yml can name another.
RUN groupadd --gid 1000 trainer \
    && useradd --uid 1000 --gid trainer --no-create-home --home-dir /tmp trainer \
    && install --directory --owner trainer --group trainer /data /runs /weights \
    && python -m venv /opt/venv

# Passed to pip, for instance to take PyTorch built for another CUDA from PyTorch's own index.
ARG PIP_FLAGS=""
COPY pyproject.toml constraints.txt ./
COPY docker/install.sh docker/
RUN --mount=type=cache,target=/root/.cache/pip docker/install.sh trainer \
    && python -c 'import torch; print("PyTorch", torch.__version__, "for CUDA", torch.version.cuda)'

COPY LICENSE ./
COPY sharpening sharpening
COPY trainer trainer

ARG REVISION=unknown
ENV TRAINER_REVISION=$REVISION
LABEL org.opencontainers.image.title="sharpening-trainer" \
    org.opencontainers.image.description="Trains a teacher on photographs and distils the student that sharpens pictures" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.revision="$REVISION"

# Whoever the container runs as can keep matplotlib's fonts there.
ENV HOME=/tmp
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "trainer"]
CMD ["--help"]
